#pragma once
// How long to wait for the last of several stores, by what they did before.

#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// For the last of these to say something small: as long as for a marker, unless all of them were
// late before.
Milliseconds timeout_for(const StoreSet& stores, const std::vector<const PoolStore*>& awaited);
// For the last of these when nobody needs it: `usual`, or only a moment when all of them were late
// before.
Milliseconds straggler_timeout(const StoreSet& stores, const std::vector<const PoolStore*>& awaited,
                               Milliseconds usual);

}  // namespace modelfloat::transfer
