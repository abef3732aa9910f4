#pragma once
// How long to wait before a failed call is tried again.

#include <algorithm>
#include <cmath>
#include <optional>

#include "modelfloat/base/clock.h"

namespace modelfloat::store {

struct RetryLimits {
  unsigned attempts = 5;                // in all; 1: no retry
  Milliseconds first{200};              // limit of the first wait, doubled for each further one
  Milliseconds longest{30'000};         // the doubling ends here
  Milliseconds longest_asked{300'000};  // no retry if the server asks for a longer wait
};

// The wait after failed attempt number `attempt` (1 is the first); nullopt when it is time to give
// up. `fraction` is random in [0, 1). The wait is random between 0 and the limit (full jitter), so
// that clients that failed together do not come back together. If the server asked for a wait, the
// jitter is added to that.
inline std::optional<Milliseconds> retry_delay(unsigned attempt, const RetryLimits& limits,
                                               std::optional<Milliseconds> retry_after, double fraction) {
  if (attempt >= limits.attempts) return std::nullopt;
  if (retry_after && *retry_after > limits.longest_asked) return std::nullopt;
  const double bound = std::min(static_cast<double>(limits.longest.count()),
                                std::ldexp(static_cast<double>(limits.first.count()), static_cast<int>(attempt) - 1));
  const Milliseconds jitter(static_cast<Milliseconds::rep>(bound * fraction));
  return std::max(retry_after.value_or(Milliseconds(0)), Milliseconds(0)) + jitter;
}

}  // namespace modelfloat::store
