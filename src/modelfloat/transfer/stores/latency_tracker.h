#pragma once
// How fast a store answers reads, as this process has seen it.

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "modelfloat/base/clock.h"
#include "modelfloat/transfer/stores/timeouts.h"

namespace modelfloat::transfer {

// The measuring wrapper knows quantiles over calls of all sizes; here size is taken into account,
// because a marker and a shard of 64 MiB have nothing to do with one another. Shared by threads.
class LatencyTracker {
 public:
  // `clock` outlives it.
  explicit LatencyTracker(const Clock& clock) : clock_(clock) {}

  void answered(std::uint64_t bytes, double seconds);
  // It was late, or its bytes were wrong: for a while it is asked only when others cannot do.
  void mark_slow();
  bool is_slow() const;

  // How long an answer of so many bytes usually takes (the median); 0 before anything was measured,
  // so that it gets its chance.
  double usual_seconds(std::uint64_t bytes) const;
  // After which time an answer of so many bytes is late: the floor and twice the 95th percentile,
  // or the start values.
  double late_after(std::uint64_t bytes, const Timeouts& timeouts) const;

 private:
  struct Sample {
    std::uint64_t bytes = 0;
    double seconds = 0;
  };
  struct Estimate {
    std::optional<double> latency;           // of small answers
    std::optional<double> seconds_per_byte;  // of large ones
  };
  Estimate estimate(double quantile) const;

  const Clock& clock_;
  mutable std::mutex mutex_;  // guards all below
  std::array<Sample, 64> recent_{};
  std::size_t seen_ = 0;
  SteadyTime slow_until_{};
};

}  // namespace modelfloat::transfer
