#include "modelfloat/base/clock.h"

#include <fmt/chrono.h>

namespace modelfloat {

UtcTime SystemClock::utc_now() const {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

void SystemClock::sleep_for(Milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
}

bool SystemClock::wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                             const std::stop_token& stop, SteadyTime until, const std::function<bool()>& done) {
  // A wait until the end of time overflows in the library.
  if (until == SteadyTime::max()) return changed.wait(lock, stop, done);
  return changed.wait_until(lock, stop, until, done);
}

std::string to_rfc3339(UtcTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::time_point_cast<std::chrono::seconds>(time));
}

}  // namespace modelfloat
