#include "modelfloat/store/wrap/retrying.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "modelfloat/base/error.h"
#include "modelfloat/store/wrap/guarded_list.h"

namespace modelfloat::store {
namespace {

// What is left of a RetryBudget. Shared by threads.
class Allowance {
 public:
  Allowance(RetryBudget budget, SteadyTime now) : budget_(budget), left_(budget.start), last_(now) {}

  void called() {
    const std::lock_guard lock(mutex_);
    left_ = std::min(budget_.start, left_ + budget_.per_call);
  }
  bool try_use(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    left_ = std::min(budget_.start, left_ + budget_.per_second * std::max(0.0, seconds_between(last_, now)));
    last_ = std::max(last_, now);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  const RetryBudget budget_;
  std::mutex mutex_;
  double left_;  // guarded, like the next
  SteadyTime last_;
};

// The names that a sink has seen of a listing that may be repeated in another order. Names consist
// of hashes, so 64 bits are enough to tell them apart.
class SeenNames {
 public:
  void start_over() {
    std::vector<std::uint64_t> all(before_.size() + now_.size());
    std::copy(now_.begin(), now_.end(), std::copy(before_.begin(), before_.end(), all.begin()));
    std::sort(all.begin(), all.end());
    before_ = std::move(all);
    now_.clear();
  }
  // Whether it has not been seen before.
  bool insert(const ObjectName& name) {
    const std::uint64_t hash = std::hash<std::string>()(name.path());
    if (std::binary_search(before_.begin(), before_.end(), hash)) return false;
    now_.push_back(hash);
    return true;
  }

 private:
  std::vector<std::uint64_t> before_;  // seen by earlier attempts, sorted
  std::deque<std::uint64_t> now_;      // grows without being copied
};

class RetryingStore final : public Store {
 public:
  RetryingStore(std::unique_ptr<Store> inner, RetryLimits limits, Clock& clock, Random& random, RetryBudget budget)
      : inner_(std::move(inner)),
        limits_(limits),
        clock_(clock),
        random_(random),
        allowance_(budget, clock.steady_now()) {}

  StoreTraits traits() const override { return inner_->traits(); }

  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    retry(options, [&] { inner_->put(name, bytes, options); });
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    return retry(options, [&] { return inner_->get(name, range, options); });
  }
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    return retry(options, [&] { return inner_->stat(name, options); });
  }
  void remove(const ObjectName& name, const CallOptions& options) override {
    retry(options, [&] { inner_->remove(name, options); });
  }
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override {
    SeenNames seen;
    guarded_list(sink, [&](const ObjectSink& guarded) {
      retry(options, [&] {
        seen.start_over();
        inner_->list(
            prefix,
            [&](const ObjectInfo& info) {
              check_cancelled(options, clock_, "list");
              if (seen.insert(info.name)) guarded(info);
            },
            options);
      });
    });
  }
  Space space(const CallOptions& options) override {
    return retry(options, [&] { return inner_->space(options); });
  }

 private:
  template <typename Work>
  auto retry(const CallOptions& options, Work work) -> decltype(work()) {
    allowance_.called();
    for (unsigned attempt = 1;; ++attempt) {
      try {
        return work();
      } catch (const Error& error) {
        if (!worth_retrying(error.kind)) throw;
        const auto delay = retry_delay(attempt, limits_, error.retry_after, random_.fraction());
        if (!delay || (options.deadline && clock_.steady_now() + *delay >= *options.deadline)) throw;
        if (!error.retry_after && !allowance_.try_use(clock_.steady_now())) throw;
        clock_.sleep_for(*delay, options.stop);
        if (options.stop.stop_requested()) {
          throw Error(ErrorKind::cancelled, error.where, "stopped while waiting to try again");
        }
      }
    }
  }

  const std::unique_ptr<Store> inner_;
  const RetryLimits limits_;
  Clock& clock_;
  Random& random_;
  Allowance allowance_;
};

}  // namespace

std::unique_ptr<Store> make_retrying(std::unique_ptr<Store> inner, RetryLimits limits, Clock& clock, Random& random,
                                     RetryBudget budget) {
  return std::make_unique<RetryingStore>(std::move(inner), limits, clock, random, budget);
}

}  // namespace modelfloat::store
