#pragma once
// A store that is left alone for a while when it fails again and again, or when it asks for it.

#include <memory>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/store.h"
#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::store {

struct BreakerLimits {
  unsigned failures = 5;      // so many in a row,
  Milliseconds over{2'000};   // over at least this time, and calls fail at once
  Milliseconds first{1'000};  // for this long; doubled each time that the next try fails too
  Milliseconds longest{60'000};
  // An Error{offline} or {timed_out} that came sooner cost nothing and does not count.
  Milliseconds slow{500};
  // A longer wait that the store asks for is about a quota: reads don't wait for uploads.
  Milliseconds short_wait{300'000};
  Milliseconds remembered{30'000};  // a wait of this length outlives the process
  // No store is left alone for longer than a day at a time, whatever it asks.
  Milliseconds longest_asked{86'400'000};
};

// - Calls that fail (transient, timed_out, offline, denied, rate_limited without a time) in a row
//   open the circuit: calls are Error{offline}, or Error{denied} when that was what the store said,
//   with the time until one call may try again where the store does answer. When that one succeeds
//   all goes on. What the store answers to a bad request or an absent object is no failure.
// - Error{rate_limited} with a time pauses the store: until then calls are Error{rate_limited} with
//   the rest of the time, without being made. A long one pauses uploads or downloads alone, as the
//   call was; the ledger remembers it. None is longer than a day, and one that is remembered as
//   longer is forgotten. `clock`, `random` and `ledger` outlive the store.
std::unique_ptr<Store> make_breaker(std::unique_ptr<Store> inner, std::string where, BreakerLimits limits,
                                    Ledger& ledger, Clock& clock, Random& random);

}  // namespace modelfloat::store
