#pragma once
// How long to wait before a failed call is tried again.

#include <algorithm>
#include <cmath>
#include <optional>

#include "modelfloat/base/clock.h"

namespace modelfloat::store {

struct RetryLimits {
  unsigned attempts = 5;                // in all; 1 means never again
  Milliseconds first{200};              // bound of the first wait, doubled for each further one
  Milliseconds longest{30'000};         // where the doubling ends
  Milliseconds longest_asked{300'000};  // a peer that asks for a longer wait than this is given up
};

// The wait after failed attempt number `attempt` (1 is the first), or nothing when it is time to
// give up. `fraction` is random in [0, 1): the whole of the bound is jitter, so that many clients
// that failed together do not come back together. A peer's own wish is a floor, the jitter comes on
// top of it.
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
