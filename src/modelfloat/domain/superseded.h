#pragma once
// Finds manifests that were replaced by another manifest of the same revision. Pure.

#include <set>
#include <vector>

#include "modelfloat/domain/pool_state.h"

namespace modelfloat {

// The content names of committed manifests that no tag points to, while a tag points to another
// manifest of the same model and revision. This happens when the same files are pushed again
// after shards of the older manifest were lost. Such manifests need not be readable.
std::set<Hash256> superseded_manifests(const PoolState& state);
// The committed manifests that are not superseded, ordered by content name: what must be readable.
// The pointers are into `state`.
std::vector<const LiveManifest*> current_manifests(const PoolState& state);

}  // namespace modelfloat
