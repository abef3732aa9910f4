#include "modelfloat/transfer/leeway.h"

#include <algorithm>

namespace modelfloat::transfer {

static bool all_are_doubtful(const std::vector<const PoolStore*>& stores) {
  return !stores.empty() && std::all_of(stores.begin(), stores.end(),
                                        [](const PoolStore* store) { return store->state->pace.is_doubtful(); });
}

Milliseconds patience_with(const StoreSet& stores, const std::vector<const PoolStore*>& awaited) {
  return all_are_doubtful(awaited) ? stores.patience().straggler : stores.patience().marker;
}

Milliseconds leeway_of(const StoreSet& stores, const std::vector<const PoolStore*>& awaited, Milliseconds usual) {
  return all_are_doubtful(awaited) ? std::min(stores.patience().doubted, usual) : usual;
}

}  // namespace modelfloat::transfer
