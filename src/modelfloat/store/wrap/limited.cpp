#include "modelfloat/store/wrap/limited.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "modelfloat/base/error.h"
#include "modelfloat/store/wrap/concurrency_limit.h"

namespace modelfloat::store {
namespace {

// A day's budget. Bytes are reserved before a call, so that parallel calls together do not exceed
// it.
class Budget {
 public:
  explicit Budget(std::uint64_t daily) : daily_(daily) {}

  // `used` is the use that the ledger has recorded.
  bool reserve(std::uint64_t bytes, std::uint64_t used) {
    if (daily_ == UINT64_MAX) return true;
    const std::lock_guard lock(mutex_);
    const auto sum = checked_add(used, under_way_);
    const auto with_this = sum ? checked_add(*sum, bytes) : std::nullopt;
    if (!with_this || *with_this > daily_) return false;
    under_way_ += bytes;
    return true;
  }
  void done(std::uint64_t bytes) {
    if (daily_ == UINT64_MAX) return;
    const std::lock_guard lock(mutex_);
    under_way_ -= bytes;
  }

 private:
  const std::uint64_t daily_;
  std::mutex mutex_;
  std::uint64_t under_way_ = 0;
};

class Limited final : public Store {
 public:
  Limited(std::unique_ptr<Store> inner, CallLimits limits, Ledger& ledger, Clock& clock)
      : inner_(std::move(inner)),
        limits_(std::move(limits)),
        ledger_(ledger),
        clock_(clock),
        limit_(std::max<std::size_t>(limits_.parallel_calls, 1), clock),
        calls_(std::max(limits_.calls_per_second, 1e-6)),
        uploads_(limits_.daily_upload_bytes),
        downloads_(limits_.daily_download_bytes) {}

  StoreTraits traits() const override { return inner_->traits(); }

  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    const Share share(*this, uploads_, bytes.size(), ledger_.use(clock_.utc_now()).uploaded_bytes, "upload");
    call(options, limits_.up, bytes.size(), [&] { inner_->put(name, bytes, options); });
    ledger_.add_use(clock_.utc_now(), bytes.size(), 0);
  }

  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    const std::uint64_t expected = range.length == ByteRange::k_to_the_end ? usual_bytes(name) : range.length;
    const Share share(*this, downloads_, range.length == ByteRange::k_to_the_end ? 0 : expected,
                      ledger_.use(clock_.utc_now()).downloaded_bytes, "download");
    std::optional<Bytes> bytes;
    call(options, limits_.down, expected, [&] { bytes = inner_->get(name, range, options); });
    const std::uint64_t got = bytes ? bytes->size() : 0;
    correct_estimate(limits_.down, expected, got);
    if (got > 0 && range.length == ByteRange::k_to_the_end && name.type() == ObjectType::shard)
      whole_shard_bytes_ = got;
    if (got > 0) ledger_.add_use(clock_.utc_now(), 0, got);
    return bytes;
  }

  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    return call(options, {}, 0, [&] { return inner_->stat(name, options); });
  }
  void remove(const ObjectName& name, const CallOptions& options) override {
    call(options, {}, 0, [&] { inner_->remove(name, options); });
  }
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override {
    const auto in_listing = [&](const ObjectInfo& info) {
      const Listing listing(*this);
      sink(info);
    };
    call(options, {}, 0, [&] { inner_->list(prefix, in_listing, options); });
  }
  Space space(const CallOptions& options) override {
    return call(options, {}, 0, [&] { return inner_->space(options); });
  }

 private:
  // A guess at the size of a whole object, so that many parallel gets do not all start before the
  // first one is counted.
  std::uint64_t usual_bytes(const ObjectName& name) const {
    constexpr std::uint64_t k_document_bytes = 16U << 10;
    return name.type() == ObjectType::shard ? whole_shard_bytes_.load() : k_document_bytes;
  }

  using Throttles = std::vector<std::shared_ptr<Throttle>>;

  // While it exists, this thread is in the sink of a listing of `limited`.
  class Listing {
   public:
    explicit Listing(const Limited& limited) : limited_(limited), outer_(innermost_) { innermost_ = this; }
    ~Listing() { innermost_ = outer_; }
    Listing(const Listing&) = delete;
    Listing& operator=(const Listing&) = delete;

    static bool is_of(const Limited& limited) {
      const Listing* listing = innermost_;
      while (listing != nullptr && &listing->limited_ != &limited) listing = listing->outer_;
      return listing != nullptr;
    }

   private:
    inline static thread_local const Listing* innermost_ = nullptr;
    const Limited& limited_;
    const Listing* const outer_;
  };

  // Reserves a part of a budget while the call runs.
  struct Share {
    Share(Limited& limited, Budget& of, std::uint64_t of_bytes, std::uint64_t used, const char* what)
        : budget(of), bytes(of_bytes) {
      if (budget.reserve(bytes, used)) return;
      const UtcTime now = limited.clock_.utc_now();
      throw Error(ErrorKind::rate_limited, limited.limits_.where,
                  std::string("its budget for ") + what + "s is used up for today (UTC)",
                  std::chrono::duration_cast<Milliseconds>(next_day(now) - now));
    }
    ~Share() { budget.done(bytes); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    Budget& budget;
    std::uint64_t bytes;
  };

  template <typename Work>
  auto call(const CallOptions& options, const Throttles& throttles, std::uint64_t bytes, Work work)
      -> decltype(work()) {
    if (Listing::is_of(*this)) {
      throw Error(ErrorKind::internal, limits_.where, "the sink of a listing calls the store that lists");
    }
    const ConcurrencyLimit::Pass pass(limit_, options, limits_.where);
    if (limits_.calls_per_second > 0) wait_for(calls_, 1, options);
    std::size_t taken = 0;
    try {
      for (; taken < throttles.size(); ++taken) wait_for(*throttles[taken], static_cast<double>(bytes), options);
      return work();
    } catch (const Error& error) {
      // No bytes were moved for these.
      const bool unused =
          error.kind == ErrorKind::offline || error.kind == ErrorKind::rate_limited || taken < throttles.size();
      if (unused) {
        for (std::size_t i = 0; i < taken; ++i) throttles[i]->give_back(static_cast<double>(bytes));
      }
      throw;
    }
  }

  void wait_for(Throttle& throttle, double amount, const CallOptions& options) {
    const SteadyTime now = clock_.steady_now();
    std::optional<Milliseconds> longest;
    if (options.deadline)
      longest = std::max(Milliseconds(0), std::chrono::duration_cast<Milliseconds>(*options.deadline - now));
    const auto wait = throttle.reserve(amount, now, longest);
    if (!wait)
      throw Error(ErrorKind::timed_out, limits_.where,
                  "the deadline passes before the limit on calls or bandwidth lets it go");
    if (wait->count() == 0) return;
    clock_.sleep_for(*wait, options.stop);
    if (!options.stop.stop_requested()) return;
    throttle.give_back(amount);
    throw Error(ErrorKind::cancelled, limits_.where, "stopped on request");
  }

  // The size is known only now: the difference is charged to the calls that follow.
  void correct_estimate(const Throttles& throttles, std::uint64_t expected, std::uint64_t got) {
    for (const auto& throttle : throttles)
      throttle->give_back(static_cast<double>(expected) - static_cast<double>(got));
  }

  const std::unique_ptr<Store> inner_;
  const CallLimits limits_;
  Ledger& ledger_;
  Clock& clock_;
  ConcurrencyLimit limit_;
  Throttle calls_;
  Budget uploads_;
  Budget downloads_;
  std::atomic<std::uint64_t> whole_shard_bytes_ = std::uint64_t{4} << 20;  // of the last one
};

}  // namespace

CallLimits limits_of(const StoreTraits& traits, std::string where) {
  return {std::move(where),
          traits.parallel_calls,
          traits.calls_per_second,
          traits.daily_upload_bytes,
          traits.daily_download_bytes,
          {},
          {}};
}

std::unique_ptr<Store> make_limited(std::unique_ptr<Store> inner, CallLimits limits, Ledger& ledger, Clock& clock) {
  return std::make_unique<Limited>(std::move(inner), std::move(limits), ledger, clock);
}

}  // namespace modelfloat::store
