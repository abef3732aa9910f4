#pragma once
#include <mutex>
#include <vector>

#include "modelfloat/base/clock.h"

namespace modelfloat::test {

// Time stands still until somebody sleeps, waits in vain or calls advance(). Sleeping returns at
// once, with the time moved on. Shared by all threads. The steady time starts at the real one, so a
// deadline in fake time has not passed in real time either, unless the test has lasted that long.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(UtcTime start = from_unix_seconds(1'767'225'600))  // 2026-01-01T00:00:00Z
      : start_(start), steady_start_(std::chrono::steady_clock::now()) {}

  UtcTime utc_now() const override;
  SteadyTime steady_now() const override;
  // A stop that was asked for before makes this return without time passing.
  void sleep_for(Milliseconds duration, const std::stop_token& stop) override;
  // Waits in real time; when that was in vain, it is `until`.
  bool wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                  SteadyTime until, const std::function<bool()>& done) override;

  void advance(Milliseconds);
  // Every sleep so far, in order.
  std::vector<Milliseconds> sleeps() const;

 private:
  const UtcTime start_;
  const SteadyTime steady_start_;
  mutable std::mutex mutex_;
  Milliseconds elapsed_{0};
  std::vector<Milliseconds> sleeps_;
};

}  // namespace modelfloat::test
