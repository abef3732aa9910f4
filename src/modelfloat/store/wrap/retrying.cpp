#include "modelfloat/store/wrap/retrying.h"

#include <vector>

#include "modelfloat/base/error.h"

namespace modelfloat::store {
namespace {

class RetryingStore final : public Store {
 public:
  RetryingStore(std::unique_ptr<Store> inner, RetryLimits limits, Clock& clock, Random& random)
      : inner_(std::move(inner)), limits_(limits), clock_(clock), random_(random) {}

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
    std::vector<ObjectInfo> found;
    retry(options, [&] {
      found.clear();
      inner_->list(prefix, [&](const ObjectInfo& info) { found.push_back(info); }, options);
    });
    for (const ObjectInfo& info : found) {
      check_cancelled(options, "list");
      sink(info);
    }
  }
  Space space(const CallOptions& options) override {
    return retry(options, [&] { return inner_->space(options); });
  }

 private:
  template <typename Work>
  auto retry(const CallOptions& options, Work work) -> decltype(work()) {
    for (unsigned attempt = 1;; ++attempt) {
      try {
        return work();
      } catch (const Error& error) {
        if (!worth_retrying(error.kind)) throw;
        const auto delay = retry_delay(attempt, limits_, error.retry_after, random_.fraction());
        if (!delay || (options.deadline && clock_.steady_now() + *delay >= *options.deadline)) throw;
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
};

}  // namespace

std::unique_ptr<Store> make_retrying(std::unique_ptr<Store> inner, RetryLimits limits, Clock& clock, Random& random) {
  return std::make_unique<RetryingStore>(std::move(inner), limits, clock, random);
}

}  // namespace modelfloat::store
