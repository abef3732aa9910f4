#pragma once
// A store that tries again what may work the next time.

#include <memory>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/store.h"
#include "modelfloat/store/wrap/retry_delay.h"

namespace modelfloat::store {

// How many extra calls a store may get, so that its trouble is not made worse: `start` of them at
// first and never more at once, one more with every ten calls, and one each ten seconds. A wait
// that the store itself asked for costs nothing.
struct RetryBudget {
  double start = 32;
  double per_call = 0.1;
  double per_second = 0.1;
};

// Repeats calls whose Error is worth_retrying(), with waits by retry_delay(), as far as the budget
// goes. Throws the last Error as it came when the attempts are used up or when the wait would pass
// the deadline; a stop during a wait is Error{cancelled}. Objects that list() finds are handed on
// as they come; one that is begun anew passes over those that the sink has seen, for which 8 bytes
// of each are kept. `clock` and `random` outlive the store.
std::unique_ptr<Store> make_retrying(std::unique_ptr<Store> inner, RetryLimits limits, Clock& clock, Random& random,
                                     RetryBudget budget = {});

}  // namespace modelfloat::store
