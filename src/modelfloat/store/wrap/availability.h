#pragma once
// Whether a store may be asked now, as the wrappers around it say by the failure of a call.

#include <optional>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store {

// For calls of one kind, uploads or downloads. A default value: the store may be asked.
struct Availability {
  // Until then the store, or what is left of its budget, wants no calls. What it has does not count
  // as lost meanwhile. In the past: it is not paused.
  SteadyTime paused_until = SteadyTime::min();
  // When another try is worth making. Nothing: waiting does not help, or nothing has failed.
  std::optional<SteadyTime> not_before;
  bool asked_by_store = false;  // the store named this time; else it is a back-off of ours
  std::string why;

  bool is_paused(SteadyTime now) const noexcept { return now < paused_until; }
};

// What failure number `failures` (from 0) in a row says. The kinds are those that make_standard()
// gives: rate_limited for a pause, transient, and offline with a time for a store that answers but
// failed again and again. Pure; no time is later than BreakerLimits::longest_asked from now.
Availability availability_after(const Error& failure, SteadyTime now, unsigned failures);

}  // namespace modelfloat::store
