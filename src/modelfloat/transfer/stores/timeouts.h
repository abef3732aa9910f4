#pragma once
// How long transfer waits, and for what. docs/decisions/0009 says why.

#include <algorithm>
#include <cstdint>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/clock.h"

namespace modelfloat::transfer {

// A plain value; tests make everything short.
struct Timeouts {
  // A store that has not shown its marker by then is offline until it does.
  Milliseconds marker{10'000};

  // Another copy is asked when an answer takes longer than this plus a multiple of what is usual
  // (late_after()).
  Milliseconds hedge_floor{50};
  // The same beside answers that were asked for at the same time: they say more than what was
  // usual.
  Milliseconds peer_floor{10};
  // What is taken as usual while nothing is measured.
  Milliseconds unmeasured_latency{500};
  std::uint64_t unmeasured_bytes_per_second = 16ULL << 20;

  // A call that moves an object is given up after this plus the time that its bytes take at the
  // slowest rate.
  Milliseconds call_floor{30'000};
  std::uint64_t slowest_bytes_per_second = 64ULL << 10;
  // A listing of all that a store has is given up after this.
  Milliseconds listing{120'000};
  // The same where only shards are looked for of which nothing is known: whoever asks can be told
  // that.
  Milliseconds search{5'000};
  // Where all stores are waited for, one that is this much later than the others is left behind.
  Milliseconds straggler{2'000};
  // The same for one that was late before and that nobody needs: a store that hangs costs one wait,
  // not one for each thing that it gets.
  Milliseconds slow_store{200};

  // Where no other store can stand in, one that asks for a moment is tried again for so long, and
  // as long as it asks for, up to this.
  Milliseconds needed{30'000};
  Milliseconds needed_asked{300'000};

  Milliseconds allowed(std::uint64_t bytes) const {
    return call_floor + Milliseconds(static_cast<Milliseconds::rep>(
                            bytes * 1000 / std::max<std::uint64_t>(slowest_bytes_per_second, 1)));
  }
};

// The earlier of the caller's deadline and `allowed` from now.
inline CallOptions within(const CallOptions& call, const Clock& clock, Milliseconds allowed) {
  const SteadyTime end = clock.steady_now() + allowed;
  return {call.stop, call.deadline ? std::min(*call.deadline, end) : end};
}

}  // namespace modelfloat::transfer
