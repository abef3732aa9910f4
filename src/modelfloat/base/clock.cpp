#include "modelfloat/base/clock.h"

#include <condition_variable>
#include <mutex>

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

std::string to_rfc3339(UtcTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::time_point_cast<std::chrono::seconds>(time));
}

}  // namespace modelfloat
