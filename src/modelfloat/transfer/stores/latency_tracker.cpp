#include "modelfloat/transfer/stores/latency_tracker.h"

#include <algorithm>
#include <vector>

namespace modelfloat::transfer {

// The time of answers up to this size is mainly the round trip; that of larger ones depends on
// their size.
static constexpr std::uint64_t k_small_bytes = std::uint64_t{64} * 1024;
static constexpr std::chrono::seconds k_slow_for{60};
static constexpr double k_median = 0.5;
static constexpr double k_p95 = 0.95;

void LatencyTracker::answered(std::uint64_t bytes, double seconds) {
  const std::lock_guard lock(mutex_);
  recent_[seen_++ % recent_.size()] = {bytes, seconds};
  slow_until_ = {};
}

void LatencyTracker::mark_slow() {
  const SteadyTime until = clock_.steady_now() + k_slow_for;
  const std::lock_guard lock(mutex_);
  slow_until_ = until;
}

bool LatencyTracker::is_slow() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return now < slow_until_;
}

static std::optional<double> quantile_of(std::vector<double>& values, double quantile) {
  if (values.empty()) return std::nullopt;
  const auto place = static_cast<std::size_t>(static_cast<double>(values.size() - 1) * quantile);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place), values.end());
  return values[place];
}

LatencyTracker::Estimate LatencyTracker::estimate(double quantile) const {
  std::vector<double> latencies;
  std::vector<double> rates;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < std::min(seen_, recent_.size()); ++i) {
      const Sample& sample = recent_[i];
      if (sample.bytes <= k_small_bytes) {
        latencies.push_back(sample.seconds);
      } else {
        rates.push_back(sample.seconds / static_cast<double>(sample.bytes));
      }
    }
  }
  return {quantile_of(latencies, quantile), quantile_of(rates, quantile)};
}

double LatencyTracker::usual_seconds(std::uint64_t bytes) const {
  const Estimate usual = estimate(k_median);
  return usual.latency.value_or(0) + usual.seconds_per_byte.value_or(0) * static_cast<double>(bytes);
}

double LatencyTracker::late_after(std::uint64_t bytes, const Timeouts& timeouts) const {
  const auto seconds = [](Milliseconds time) { return std::chrono::duration<double>(time).count(); };
  const Estimate slow = estimate(k_p95);
  // The measured time of large answers includes the latency.
  const double latency = slow.latency.value_or(slow.seconds_per_byte ? 0 : seconds(timeouts.unmeasured_latency));
  const double rate = slow.seconds_per_byte.value_or(1 / static_cast<double>(timeouts.unmeasured_bytes_per_second));
  return seconds(timeouts.hedge_floor) + 2 * (latency + rate * static_cast<double>(bytes));
}

}  // namespace modelfloat::transfer
