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

}  // namespace modelfloat::transfer
