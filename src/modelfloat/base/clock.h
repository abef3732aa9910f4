#pragma once
// Time comes in as a parameter, so that tests and simulations decide what time it is.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>

namespace modelfloat {

using UtcTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

// All methods may be called from many threads.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UtcTime utc_now() const = 0;
  virtual SteadyTime steady_now() const = 0;
  // Returns after `duration` or as soon as a stop is asked for, whichever comes first.
  virtual void sleep_for(Milliseconds duration, const std::stop_token& stop) = 0;
  // Waits until `done` returns true, until the time `until`, or until a stop is requested. `done`
  // is called again whenever `changed` is notified. Returns the last result of `done`. `lock`
  // guards what `done` reads, and is released while waiting.
  virtual bool wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                          const std::stop_token& stop, SteadyTime until, const std::function<bool()>& done) = 0;
};

// The real one.
class SystemClock final : public Clock {
 public:
  UtcTime utc_now() const override;
  SteadyTime steady_now() const override;
  void sleep_for(Milliseconds duration, const std::stop_token& stop) override;
  bool wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                  SteadyTime until, const std::function<bool()>& done) override;
};

// "2026-11-23T08:18:00Z", the form of RFC 3339 that every output of ours uses.
std::string to_rfc3339(UtcTime);

inline std::uint64_t unix_seconds(UtcTime time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}
inline UtcTime from_unix_seconds(std::uint64_t seconds) {
  return UtcTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}
inline double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace modelfloat
