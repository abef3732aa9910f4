#pragma once
// Wrong copies of shards of which other stores have enough good ones: the store was away when
// another copy was made, or rebalance() made it.

#include <cstdint>
#include <vector>

#include "modelfloat/engine/upkeep/new_copies.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/repair_context.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

// Replaces such copies of these packs in place, so that verify() does not find them again: on stores
// that are in use and not leaving, within options.budget_bytes. With options.dry_run only counts. Adds
// what it did to `report`, and what it wrote to `new_copies`. Throws Error{cancelled} and
// Error{timed_out} as `call` says.
void replace_wrong_spares(const RepairContext& context, const transfer::Inventory& inventory,
                          const std::vector<Pack>& packs, const RepairOptions& options, NewCopies& new_copies,
                          RepairReport& report, const CallOptions& call);

}  // namespace modelfloat::engine
