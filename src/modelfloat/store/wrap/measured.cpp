#include "modelfloat/store/wrap/measured.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <vector>

#include "modelfloat/store/wrap/guarded_list.h"

namespace modelfloat::store {
namespace {

// The last durations of one kind of call, and its sums.
class Gauge {
 public:
  explicit Gauge(const CallMeasurements& before) : sums_(before) {}

  void succeeded(double seconds, std::uint64_t bytes) {
    recent_[filled_++ % recent_.size()] = seconds;
    ++sums_.calls;
    sums_.bytes += bytes;
    sums_.seconds += seconds;
  }
  void failed() {
    ++sums_.calls;
    ++sums_.errors;
  }
  CallMeasurements read() const {
    CallMeasurements result = sums_;
    std::vector<double> sorted(recent_.begin(),
                               recent_.begin() + static_cast<std::ptrdiff_t>(std::min(filled_, recent_.size())));
    constexpr std::size_t k_enough = 4;
    if (sorted.empty() || (result.p50_seconds && sorted.size() < k_enough)) return result;
    std::sort(sorted.begin(), sorted.end());
    result.p50_seconds = sorted[(sorted.size() - 1) / 2];
    result.p95_seconds = sorted[(sorted.size() - 1) * 95 / 100];
    return result;
  }

 private:
  CallMeasurements sums_;
  std::array<double, 128> recent_{};
  std::size_t filled_ = 0;
};

class Measuring final : public MeasuredStore {
 public:
  Measuring(std::unique_ptr<Store> inner, Clock& clock, const Measurements& before)
      : inner_(std::move(inner)),
        clock_(clock),
        put_(before.put),
        get_(before.get),
        stat_(before.stat),
        remove_(before.remove),
        list_(before.list),
        space_(before.space),
        last_seen_(before.last_seen),
        last_error_(before.last_error),
        last_error_time_(before.last_error_time) {}

  StoreTraits traits() const override { return inner_->traits(); }

  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    measure(put_, [&] {
      inner_->put(name, bytes, options);
      return bytes.size();
    });
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    std::optional<Bytes> bytes;
    measure(get_, [&] {
      bytes = inner_->get(name, range, options);
      return bytes ? bytes->size() : 0;
    });
    return bytes;
  }
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    std::optional<ObjectInfo> info;
    measure(stat_, [&] {
      info = inner_->stat(name, options);
      return 0;
    });
    return info;
  }
  void remove(const ObjectName& name, const CallOptions& options) override {
    measure(remove_, [&] {
      inner_->remove(name, options);
      return 0;
    });
  }
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override {
    guarded_list(sink, [&](const ObjectSink& guarded) {
      measure(list_, [&] {
        inner_->list(prefix, guarded, options);
        return 0;
      });
    });
  }
  Space space(const CallOptions& options) override {
    Space space;
    measure(space_, [&] {
      space = inner_->space(options);
      return 0;
    });
    return space;
  }

  Measurements measurements() const override {
    const std::lock_guard lock(mutex_);
    return {put_.read(),   get_.read(), stat_.read(), remove_.read(),  list_.read(),
            space_.read(), last_seen_,  last_error_,  last_error_time_};
  }

 private:
  // `work` returns how many bytes of objects it moved.
  template <typename Work>
  void measure(Gauge& gauge, Work work) {
    const SteadyTime start = clock_.steady_now();
    try {
      const auto bytes = static_cast<std::uint64_t>(work());
      const std::lock_guard lock(mutex_);
      gauge.succeeded(seconds_between(start, clock_.steady_now()), bytes);
      last_seen_ = clock_.utc_now();
    } catch (const Error& error) {
      if (error.kind != ErrorKind::cancelled) record_failure(gauge, error.kind);
      throw;
    }
  }

  void record_failure(Gauge& gauge, ErrorKind kind) {
    const std::lock_guard lock(mutex_);
    gauge.failed();
    last_error_ = kind;
    last_error_time_ = clock_.utc_now();
  }

  const std::unique_ptr<Store> inner_;
  Clock& clock_;
  mutable std::mutex mutex_;
  Gauge put_, get_, stat_, remove_, list_, space_;
  std::optional<UtcTime> last_seen_;
  std::optional<ErrorKind> last_error_;
  std::optional<UtcTime> last_error_time_;
};

}  // namespace

std::uint64_t Measurements::calls() const noexcept {
  return put.calls + get.calls + stat.calls + remove.calls + list.calls + space.calls;
}

std::uint64_t Measurements::errors() const noexcept {
  return put.errors + get.errors + stat.errors + remove.errors + list.errors + space.errors;
}

Measurements decayed(Measurements measurements) noexcept {
  constexpr std::uint64_t k_few_calls = 20;
  for (CallMeasurements* kind : {&measurements.put, &measurements.get, &measurements.stat, &measurements.remove,
                                 &measurements.list, &measurements.space}) {
    if (kind->calls < k_few_calls) continue;  // among so few calls an error would be halved to none
    kind->calls /= 2;
    kind->errors /= 2;
    kind->bytes /= 2;
    kind->seconds /= 2;
  }
  return measurements;
}

std::unique_ptr<MeasuredStore> make_measured(std::unique_ptr<Store> inner, Clock& clock, const Measurements& before) {
  return std::make_unique<Measuring>(std::move(inner), clock, before);
}

}  // namespace modelfloat::store
