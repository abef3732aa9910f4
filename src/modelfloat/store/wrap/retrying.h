#pragma once
// A store that retries failed calls.

#include <memory>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/store.h"
#include "modelfloat/store/wrap/retry_delay.h"

namespace modelfloat::store {

// A budget for retries, so that a store in trouble is not overloaded: `start` retries at first and
// at most, one more for every ten calls, and one more every ten seconds. A retry at the time that
// the store itself asked for is free.
struct RetryBudget {
  double start = 32;
  double per_call = 0.1;
  double per_second = 0.1;
};

// Wraps a store so that calls whose Error is worth_retrying() are repeated, with waits by
// retry_delay(), within the budget. Throws the last Error unchanged when the attempts or the budget
// are used up, or when the wait would pass the deadline. A stop during a wait is Error{cancelled}.
//
// list() passes objects on as they come. When a listing is repeated, objects that the sink has seen
// are skipped; this takes 8 bytes of memory for each object. `clock` and `random` outlive the
// store.
std::unique_ptr<Store> make_retrying(std::unique_ptr<Store> inner, RetryLimits limits, Clock& clock, Random& random,
                                     RetryBudget budget = {});

}  // namespace modelfloat::store
