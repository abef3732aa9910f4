#pragma once
// A circuit breaker: a store that fails again and again, or asks for a pause, is not called for a
// while.

#include <memory>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/store.h"
#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::store {

struct BreakerLimits {
  unsigned failures = 5;      // the circuit opens after so many failures in a row,
  Milliseconds over{2'000};   // if they took at least this time;
  Milliseconds first{1'000};  // it is open this long first; doubled after each failed try
  Milliseconds longest{60'000};
  // An Error{offline} or {timed_out} that comes sooner than this does not count as a failure,
  // because it cost no time.
  Milliseconds slow{500};
  // A pause longer than this is taken as a quota limit. It blocks only the direction (upload or
  // download) of the call that got it.
  Milliseconds short_wait{300'000};
  Milliseconds remembered{30'000};  // pauses of at least this length are kept in the ledger
  // A store is never paused for longer than this at a time, even if it asks for more.
  Milliseconds longest_asked{86'400'000};
};

// Wraps a store with a circuit breaker:
// - Calls that fail in a row (transient, timed_out, offline, denied, or rate_limited without a
//   time) open the circuit. While it is open, calls are not made: they throw Error{offline}, or
//   Error{denied} when that was the last failure, with the time until the next try. Then one call
//   is let through; when it succeeds, the circuit is closed. Errors about a bad request or an
//   absent object are not failures: the store has answered.
// - Error{rate_limited} with a time pauses the store. Until then calls are not made: they throw
//   Error{rate_limited} with the remaining time. A long pause blocks only uploads or only
//   downloads, whichever the call was. Pauses are kept in the ledger, too. No pause is longer than
//   a day; a longer one in the ledger is dropped.
// `clock`, `random` and `ledger` outlive the store.
std::unique_ptr<Store> make_breaker(std::unique_ptr<Store> inner, std::string where, BreakerLimits limits,
                                    Ledger& ledger, Clock& clock, Random& random);

}  // namespace modelfloat::store
