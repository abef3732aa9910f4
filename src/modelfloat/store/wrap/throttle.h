#pragma once
// So much a second, on average: bytes, or calls.

#include <mutex>
#include <optional>

#include "modelfloat/base/clock.h"

namespace modelfloat::store {

// A bucket that fills at a steady rate and holds one second's worth. What is taken may put it into
// debt; who comes next waits until the debt is paid, in the order of coming. An object therefore
// travels at full speed and is followed by a pause. Shared by threads.
class Throttle {
 public:
  explicit Throttle(double per_second) : per_second_(per_second) {}

  // Takes `amount` and says how long to wait before using it. Nothing is taken when the wait would
  // be longer than `longest`.
  std::optional<Milliseconds> reserve(double amount, SteadyTime now, std::optional<Milliseconds> longest);
  // What was taken and not used.
  void give_back(double amount);

 private:
  const double per_second_;
  std::mutex mutex_;
  std::optional<SteadyTime> last_;  // when level_ was true; guarded, like the next
  double level_ = 0;
};

}  // namespace modelfloat::store
