#include "support/fake_clock.h"

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

void FakeClock::advance(Milliseconds duration) {
  const std::lock_guard lock(mutex_);
  elapsed_ += duration;
}

std::vector<Milliseconds> FakeClock::sleeps() const {
  const std::lock_guard lock(mutex_);
  return sleeps_;
}

}  // namespace modelfloat::test
