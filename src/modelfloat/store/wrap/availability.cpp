#include "modelfloat/store/wrap/availability.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "modelfloat/store/wrap/breaker.h"

namespace modelfloat::store {
namespace {

// For a provider that asks for a pause and does not say how long.
constexpr std::chrono::seconds k_pause_unless_told{60};

// Error{offline} with a time comes from the circuit breaker: the store answered several times with
// errors after which a retry may succeed.
bool is_worth_another_try(const Error& failure) {
  switch (failure.kind) {
    case ErrorKind::rate_limited:
    case ErrorKind::transient: return true;
    case ErrorKind::offline: return failure.retry_after.has_value();
    default: return false;
  }
}

}  // namespace

Availability availability_after(const Error& failure, SteadyTime now, unsigned failures) {
  const Milliseconds longest = BreakerLimits().longest_asked;
  const bool asks_for_pause = failure.kind == ErrorKind::rate_limited;
  Availability availability;
  availability.why = failure.what();
  if (asks_for_pause)
    availability.paused_until =
        now + std::min<Milliseconds>(failure.retry_after.value_or(k_pause_unless_told), longest);
  if (!is_worth_another_try(failure)) return availability;
  constexpr unsigned k_doublings = 3;
  const Milliseconds back_off = std::chrono::seconds(std::int64_t{1} << std::min(failures, k_doublings));
  availability.not_before = now + std::min(failure.retry_after.value_or(back_off), longest);
  availability.asked_by_store = failure.retry_after && asks_for_pause;
  return availability;
}

}  // namespace modelfloat::store
