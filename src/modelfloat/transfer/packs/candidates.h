#pragma once
// The stores that may take new shards.

#include <vector>

#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Stores and the free space of each.
struct Targets {
  std::vector<const PoolStore*> stores;
  // One for each store; Candidate::store is its index in `stores`.
  std::vector<placement::Candidate> candidates;
};

// Asks all stores that are online for their free space, in parallel, and waits for the answers.
// Each of them is in the result. A store has no room (0 bytes) if it fails, refused data in the
// last minute, asked for a pause, or is a straggler; that is logged as a warning. A store that is
// not in use (PoolStore::use) is in the result even if it is offline, is not asked, and has no
// room: it gets no new shard, and StoreState::put_trouble() says why. Throws only Error{cancelled}
// and Error{timed_out}, as the call options say.
Targets ask_targets(const StoreSet&, const CallOptions&);

// A shard that lies on this store and stays there, as placement::place() wants it.
placement::Placed placed_on(const Targets& targets, const StoreId& store, const std::string& domain);

}  // namespace modelfloat::transfer
