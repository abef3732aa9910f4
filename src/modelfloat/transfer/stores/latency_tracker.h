#pragma once
// How fast a store answers reads, as this process has seen it.

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "modelfloat/base/clock.h"
#include "modelfloat/transfer/stores/timeouts.h"

namespace modelfloat::transfer {

// Measures the latency of reads by size of the answer, because a marker and a shard of 64 MiB take
// very different times. (The wrapper in store/wrap/measured.h has quantiles over calls of all
// sizes.) Any thread may call any method; none throws.
class LatencyTracker {
 public:
  // `clock` outlives it.
  explicit LatencyTracker(const Clock& clock) : clock_(clock) {}

  void answered(std::uint64_t bytes, double seconds);
  // To be called when the store was late or its bytes were wrong. For a while the store counts as
  // slow: it is asked only when other stores cannot help.
  void mark_slow();
  bool is_slow() const;

  // How long an answer of this size usually takes: the median of recent reads. 0 before anything
  // was measured, so that a new store is tried.
  double usual_seconds(std::uint64_t bytes) const;
  // After how many seconds an answer of this size is late: `hedge_floor` plus twice the 95th
  // percentile. While nothing is measured, the start values in `timeouts` take its place.
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
