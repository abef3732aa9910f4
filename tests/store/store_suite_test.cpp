#include "support/store_suite.h"

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"

#include "modelfloat/store/local_store.h"
#include "modelfloat/store/memory_store.h"
#include "modelfloat/store/wrap/breaker.h"
#include "modelfloat/store/wrap/limited.h"
#include "modelfloat/store/wrap/measured.h"
#include "modelfloat/store/wrap/retrying.h"
#include "modelfloat/store/wrap/standard.h"

namespace modelfloat::test {
namespace {

class LocalHome final : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override { return store::make_local_store(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

class MemoryHome : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override { return std::make_unique<FaultyStore>(*memory_); }

 protected:
  FakeClock clock_;
  FixedRandom random_;

 private:
  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
};

class RetryingHome final : public MemoryHome {
 public:
  std::unique_ptr<store::Store> open() override {
    return store::make_retrying(MemoryHome::open(), store::RetryLimits(), clock_, random_);
  }
};

// Every other call fails before or after its work, and nobody notices.
class TwitchyHome final : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override {
    auto twitchy = std::make_unique<Twitchy>(*memory_);
    constexpr store::RetryBudget k_no_end{1e9, 1, 1};
    return store::make_retrying(std::move(twitchy), store::RetryLimits(), clock_, random_, k_no_end);
  }

 private:
  class Twitchy final : public store::Store {
   public:
    explicit Twitchy(store::Store& inner) : inner_(inner) {}
    store::StoreTraits traits() const override { return inner_.traits(); }
    void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
      inner_.put(name, bytes, options);
      twitch(options);
    }
    std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
      twitch(options);
      return inner_.get(name, range, options);
    }
    std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
      twitch(options);
      return inner_.stat(name, options);
    }
    void remove(const ObjectName& name, const CallOptions& options) override {
      inner_.remove(name, options);
      twitch(options);
    }
    void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& options) override {
      inner_.list(prefix, sink, options);
      twitch(options);
    }
    store::Space space(const CallOptions& options) override {
      twitch(options);
      return inner_.space(options);
    }

   private:
    // By thread, so that no call can fail five times in a row because of what the others do.
    static void twitch(const CallOptions& options) {
      check_cancelled(options, "twitchy");
      thread_local bool fails = false;
      fails = !fails;
      if (fails) throw Error(ErrorKind::transient, "twitchy", "try again");
    }
    store::Store& inner_;
  };

  FakeClock clock_;
  FixedRandom random_;
  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
};

class MeasuredHome final : public MemoryHome {
 public:
  std::unique_ptr<store::Store> open() override { return store::make_measured(MemoryHome::open(), clock_); }
};

class LimitedHome final : public MemoryHome {
 public:
  std::unique_ptr<store::Store> open() override {
    auto limits = store::limits_of({}, "memory");
    limits.parallel_calls = 3;
    limits.calls_per_second = 10'000;
    limits.up = {std::make_shared<store::Throttle>(1e9)};
    limits.down = {std::make_shared<store::Throttle>(1e9)};
    return store::make_limited(MemoryHome::open(), limits, ledger_, clock_);
  }

 private:
  store::MemoryLedger ledger_;
};

class BreakerHome final : public MemoryHome {
 public:
  std::unique_ptr<store::Store> open() override {
    return store::make_breaker(MemoryHome::open(), "memory", store::BreakerLimits(), ledger_, clock_, random_);
  }

 private:
  store::MemoryLedger ledger_;
};

class StandardHome final : public MemoryHome {
 public:
  std::unique_ptr<store::Store> open() override {
    return store::make_standard(MemoryHome::open(), "memory", bandwidth_, {std::uint64_t{1} << 30, 0}, ledger_, clock_,
                                random_);
  }

 private:
  const store::SharedBandwidth bandwidth_{{std::uint64_t{1} << 30, std::uint64_t{1} << 30}};
  store::MemoryLedger ledger_;
};

template <typename Home>
StoreCase store_case(std::string name, std::uint64_t largest_mib = 64) {
  return {std::move(name), [] { return std::make_unique<Home>(); }, largest_mib << 20};
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreSuite,
                         testing::Values(store_case<MemoryHome>("memory"), store_case<LocalHome>("local"),
                                         store_case<RetryingHome>("retrying", 5),
                                         store_case<TwitchyHome>("retrying_twitchy", 5),
                                         store_case<MeasuredHome>("measured", 5), store_case<LimitedHome>("limited", 5),
                                         store_case<BreakerHome>("breaker", 5),
                                         store_case<StandardHome>("standard", 5)),
                         name_of_case);

}  // namespace
}  // namespace modelfloat::test
