#pragma once
// Manifests that another one of the same revision stands in for. Pure.

#include <set>

#include "modelfloat/domain/pool_state.h"

namespace modelfloat {

// The content names of committed manifests that no tag points to, while a tag points to another
// manifest of the same model and revision: the same files were pushed again, since shards of the
// older manifest had been lost. Nothing needs them to be readable.
std::set<Hash256> superseded_manifests(const PoolState& state);

}  // namespace modelfloat
