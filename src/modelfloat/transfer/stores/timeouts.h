#pragma once
// How long the transfer layer waits for stores, by kind of call. docs/decisions/0009 gives the
// reasons.

#include <algorithm>
#include <cstdint>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/clock.h"

namespace modelfloat::transfer {

// A plain value. Tests use short times.
struct Timeouts {
  // A store whose marker was not read in this time is offline until it is.
  Milliseconds marker{10'000};

  // A read is late when it takes longer than this plus a multiple of the usual time
  // (LatencyTracker::late_after()). Then another copy is asked too.
  Milliseconds hedge_floor{50};
  // The same where other answers to requests made at the same time have come: they predict better
  // than old measurements, so less is added.
  Milliseconds peer_floor{10};
  // The usual latency and rate of a store that was not measured yet.
  Milliseconds unmeasured_latency{500};
  std::uint64_t unmeasured_bytes_per_second = 16ULL << 20;

  // A call that moves an object times out after this plus the time that its bytes take at the
  // slowest rate.
  Milliseconds call_floor{30'000};
  std::uint64_t slowest_bytes_per_second = 64ULL << 10;
  // A listing of all objects of a store times out after this.
  Milliseconds listing{120'000};
  // The same for a listing that only searches for shards without a known location. It is short
  // because such a search is optional.
  Milliseconds search{5'000};
  // Where all stores are waited for: how much later than the others a store may be before it is a
  // straggler.
  Milliseconds straggler{2'000};
  // The same for a store that was late before and whose answer is optional. A store that hangs then
  // costs one long wait, not one for each call.
  Milliseconds slow_store{200};

  // When no other store can do the work, a store that asks for a pause is tried again for this
  // long. If it names a time, it is waited for up to `needed_asked`.
  Milliseconds needed{30'000};
  Milliseconds needed_asked{300'000};

  Milliseconds allowed(std::uint64_t bytes) const {
    return call_floor + Milliseconds(static_cast<Milliseconds::rep>(
                            bytes * 1000 / std::max<std::uint64_t>(slowest_bytes_per_second, 1)));
  }
};

// The caller's options with a deadline no later than `allowed` from now.
inline CallOptions within(const CallOptions& call, const Clock& clock, Milliseconds allowed) {
  const SteadyTime end = clock.steady_now() + allowed;
  return {call.stop, call.deadline ? std::min(*call.deadline, end) : end};
}

}  // namespace modelfloat::transfer
