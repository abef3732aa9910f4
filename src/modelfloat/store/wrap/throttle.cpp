#include "modelfloat/store/wrap/throttle.h"

#include <algorithm>
#include <cmath>

namespace modelfloat::store {

std::optional<Milliseconds> Throttle::reserve(double amount, SteadyTime now, std::optional<Milliseconds> longest) {
  const std::lock_guard lock(mutex_);
  const double elapsed = last_ ? std::max(0.0, seconds_between(*last_, now)) : 1.0;
  const double level = std::min(per_second_, level_ + elapsed * per_second_);
  const Milliseconds wait(level >= 0 ? 0 : static_cast<Milliseconds::rep>(std::ceil(-level / per_second_ * 1000)));
  if (longest && wait > *longest) return std::nullopt;
  last_ = last_ ? std::max(*last_, now) : now;
  level_ = level - amount;
  return wait;
}

void Throttle::give_back(double amount) {
  const std::lock_guard lock(mutex_);
  level_ += amount;
}

}  // namespace modelfloat::store
