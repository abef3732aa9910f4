#pragma once
// Where new shards may go.

#include <vector>

#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Stores, and the room that each of them has.
struct Targets {
  std::vector<const PoolStore*> stores;
  // One for each; Candidate::store is an index into `stores`.
  std::vector<placement::Candidate> candidates;
};

// Those that are online, all asked at once for the space that they have left. One that fails, that
// refused data a moment ago, that asked to be left alone, or is far behind the others with its
// answer has no room.
Targets ask_targets(const StoreSet&, const CallOptions&);

}  // namespace modelfloat::transfer
