#pragma once
// Where new shards may go.

#include <vector>

#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/store_set.h"

namespace modelfloat::transfer {

// The targets with the space that they have left, all asked at once; Candidate::store is the index in `targets`. One that fails, that asked to be
// left alone, or is far behind the others with its answer has no room.
std::vector<placement::Candidate> placement_candidates(const StoreSet& stores,
                                                       const std::vector<const PoolStore*>& targets,
                                                       const CallOptions& call);

// How long to wait for the last of these to say something small: as long as for a marker, unless all of them were late before.
Milliseconds patience_with(const StoreSet& stores, const std::vector<const PoolStore*>& awaited);
// How much longer to wait for the last of these when nobody needs it: `usual`, or only a moment when all of them were late before.
Milliseconds leeway_of(const StoreSet& stores, const std::vector<const PoolStore*>& awaited, Milliseconds usual);

}  // namespace modelfloat::transfer
