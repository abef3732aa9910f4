#pragma once
// How long to wait for the last answers of several stores, by how the stores answered before.

#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// How long to wait for a small answer of the stores `awaited`: as long as for a marker, or
// Timeouts::straggler if all of them are slow.
Milliseconds timeout_for(const StoreSet& stores, const std::vector<const PoolStore*>& awaited);
// How long to wait for stores whose answers are optional: `usual`, or at most Timeouts::slow_store
// if all of them are slow.
Milliseconds straggler_timeout(const StoreSet& stores, const std::vector<const PoolStore*>& awaited,
                               Milliseconds usual);

}  // namespace modelfloat::transfer
