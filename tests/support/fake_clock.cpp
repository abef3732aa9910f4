#include "support/fake_clock.h"

#include <algorithm>

namespace modelfloat::test {

UtcTime FakeClock::utc_now() const {
  const std::lock_guard lock(mutex_);
  return start_ + elapsed_;
}

SteadyTime FakeClock::steady_now() const {
  const std::lock_guard lock(mutex_);
  return steady_start_ + elapsed_;
}

void FakeClock::sleep_for(Milliseconds duration, const std::stop_token& stop) {
  if (stop.stop_requested()) return;
  const std::lock_guard lock(mutex_);
  sleeps_.push_back(duration);
  elapsed_ += duration;
}

bool FakeClock::wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                           const std::stop_token& stop, SteadyTime until, const std::function<bool()>& done) {
  if (until == SteadyTime::max()) return changed.wait(lock, stop, done);
  if (changed.wait_for(lock, stop, until - steady_now(), done)) return true;
  if (stop.stop_requested()) return false;
  const std::lock_guard guard(mutex_);
  elapsed_ = std::max(elapsed_, std::chrono::ceil<Milliseconds>(until - steady_start_));
  return false;
}

void FakeClock::advance(Milliseconds duration) {
  const std::lock_guard lock(mutex_);
  elapsed_ += duration;
}

std::vector<Milliseconds> FakeClock::sleeps() const {
  const std::lock_guard lock(mutex_);
  return sleeps_;
}

}  // namespace modelfloat::test
