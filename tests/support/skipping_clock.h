#pragma once
#include <mutex>

#include "modelfloat/base/clock.h"

namespace modelfloat::test {

// The real clock, ahead of which it runs: sleeping takes no time and moves it on, as advance()
// does. Waiting takes as long as by the real one. For tests with threads, where a FakeClock would
// fall behind the deadlines of stores. Shared by all threads.
class SkippingClock final : public Clock {
 public:
  UtcTime utc_now() const override { return real_.utc_now() + ahead(); }
  SteadyTime steady_now() const override { return real_.steady_now() + ahead(); }
  // A stop that was asked for before makes this return without time passing.
  void sleep_for(Milliseconds duration, const std::stop_token& stop) override {
    if (!stop.stop_requested()) advance(duration);
  }
  bool wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                  SteadyTime until, const std::function<bool()>& done) override {
    return real_.wait_until(changed, lock, stop, until == SteadyTime::max() ? until : until - ahead(), done);
  }

  void advance(Milliseconds duration) {
    const std::lock_guard lock(mutex_);
    ahead_ += duration;
  }

 private:
  Milliseconds ahead() const {
    const std::lock_guard lock(mutex_);
    return ahead_;
  }

  SystemClock real_;
  mutable std::mutex mutex_;
  Milliseconds ahead_{0};
};

}  // namespace modelfloat::test
