#include "support/store_suite.h"

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"

#include "modelfloat/store/local/local_store.h"
#include "modelfloat/store/memory/memory_store.h"
#include "modelfloat/store/wrap/breaker.h"
#include "modelfloat/store/wrap/limited.h"
#include "modelfloat/store/wrap/measured.h"
#include "modelfloat/store/wrap/retrying.h"
#include "modelfloat/store/wrap/standard.h"

namespace modelfloat::test {
namespace {

class LocalHome final : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override { return open("L'Été & Größe 100% + 模型 🎈"); }
  std::unique_ptr<store::Store> open_namesake() override { return open("l'été & GRÖßE 100% + 模型 🎈"); }

 private:
  std::unique_ptr<store::Store> open(const std::string& name) {
    std::filesystem::create_directory(folder_ / name);
    return store::make_local_store(folder_ / name);
  }

  TemporaryFolder folder_;
};

class MemoryHome : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override {
    auto innermost = std::make_unique<FaultyStore>(*memory_);
    innermost_ = innermost.get();
    return innermost;
  }
  // Of the store that was opened last.
  FaultyStore& innermost() { return *innermost_; }

 protected:
  FakeClock clock_;
  FixedRandom random_;

 private:
  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
  FaultyStore* innermost_ = nullptr;
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
      // Before which there may be no time to try again, and then what it says comes out.
      if (options.deadline) return;
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
StoreCase store_case(std::string name) {
  return {std::move(name), [] { return std::make_unique<Home>(); }};
}

template <typename Home>
class Wrapper : public testing::Test {
 protected:
  // Each call, and how it is made with these options.
  void for_each_call(const std::function<void(Call, const std::function<void(const CallOptions&)>&)>& visit) {
    const auto store = home_.open();
    store->put(shard_name(1), random_bytes(1000), k_no_deadline);
    visit(Call::put, [&](const auto& options) { store->put(shard_name(2), random_bytes(1000), options); });
    visit(Call::get, [&](const auto& options) { store->get(shard_name(1), k_all, options); });
    visit(Call::stat, [&](const auto& options) { store->stat(shard_name(1), options); });
    visit(Call::remove, [&](const auto& options) { store->remove(shard_name(1), options); });
    visit(Call::list, [&](const auto& options) { store->list("", [](const store::ObjectInfo&) {}, options); });
    visit(Call::space, [&](const auto& options) { store->space(options); });
    EXPECT_TRUE(store->stat(shard_name(1), k_no_deadline));
    EXPECT_FALSE(store->stat(shard_name(2), k_no_deadline));
  }

  // What the work throws while calls of this kind hang inside, which they do no longer when it
  // seems to wait for ever.
  std::optional<Error> thrown_while_hanging(Call kind, const std::function<std::optional<Error>()>& work) {
    FaultyStore& inside = home_.innermost();
    inside.stall(kind);
    const std::jthread timeouts([&inside](const std::stop_token& has_ended) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any().wait_for(lock, has_ended, Milliseconds(20'000), [] { return false; });
      inside.go_on();
    });
    return work();
  }

  Home home_;
};

using Wrappers = testing::Types<MemoryHome, RetryingHome, MeasuredHome, LimitedHome, BreakerHome, StandardHome>;
TYPED_TEST_SUITE(Wrapper, Wrappers);

TYPED_TEST(Wrapper, AStopEndsACallThatHangsInside) {
  this->for_each_call([&](Call kind, const auto& call) {
    const auto error = this->thrown_while_hanging(kind, [&] { return thrown_when_stopped(Milliseconds(20), call); });
    ASSERT_TRUE(error) << static_cast<int>(kind);
    EXPECT_EQ(error->kind, ErrorKind::cancelled) << error->what();
  });
}

TYPED_TEST(Wrapper, ADeadlineEndsACallThatHangsInside) {
  this->for_each_call([&](Call kind, const auto& call) {
    const auto error = this->thrown_while_hanging(kind, [&] { return thrown_by_deadline(Milliseconds(20), call); });
    ASSERT_TRUE(error) << static_cast<int>(kind);
    EXPECT_EQ(error->kind, ErrorKind::timed_out) << error->what();
  });
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreSuite,
                         testing::Values(store_case<MemoryHome>("memory"), store_case<LocalHome>("local"),
                                         store_case<RetryingHome>("retrying"),
                                         store_case<TwitchyHome>("retrying_twitchy"),
                                         store_case<MeasuredHome>("measured"), store_case<LimitedHome>("limited"),
                                         store_case<BreakerHome>("breaker"), store_case<StandardHome>("standard")),
                         name_of_case);

}  // namespace
}  // namespace modelfloat::test
