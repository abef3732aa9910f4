#include "modelfloat/transfer/ask/straggler_timeout.h"

#include <algorithm>

namespace modelfloat::transfer {

static bool all_are_slow(const std::vector<const PoolStore*>& stores) {
  return !stores.empty() && std::all_of(stores.begin(), stores.end(),
                                        [](const PoolStore* store) { return store->state->latency.is_slow(); });
}

Milliseconds timeout_for(const StoreSet& stores, const std::vector<const PoolStore*>& awaited) {
  return all_are_slow(awaited) ? stores.timeouts().straggler : stores.timeouts().marker;
}

Milliseconds straggler_timeout(const StoreSet& stores, const std::vector<const PoolStore*>& awaited,
                               Milliseconds usual) {
  return all_are_slow(awaited) ? std::min(stores.timeouts().slow_store, usual) : usual;
}

}  // namespace modelfloat::transfer
