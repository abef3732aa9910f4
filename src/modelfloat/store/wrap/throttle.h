#pragma once
// A rate limit: bytes or calls per second, on average.

#include <mutex>
#include <optional>

#include "modelfloat/base/clock.h"

namespace modelfloat::store {

// A token bucket that fills at a steady rate and holds one second's worth. A caller may take more
// than it holds; then the next callers wait, in order of arrival, until the debt is paid. So an
// object moves at full speed and is followed by a pause. Any thread may call any method.
class Throttle {
 public:
  explicit Throttle(double per_second) : per_second_(per_second) {}

  // Takes `amount` and returns how long to wait before using it. Takes nothing and returns nullopt
  // when the wait would be longer than `longest`.
  std::optional<Milliseconds> reserve(double amount, SteadyTime now, std::optional<Milliseconds> longest);
  // Returns an amount that was taken and not used.
  void give_back(double amount);

 private:
  const double per_second_;
  std::mutex mutex_;
  std::optional<SteadyTime> last_;  // when level_ was true; guarded, like the next
  double level_ = 0;
};

}  // namespace modelfloat::store
