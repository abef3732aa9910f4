#pragma once
// Brings packs back to what they promise, from what stores list of them.

#include <functional>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/repair_context.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

// Called on the calling thread for each pack that cannot be read: fewer than k of its shards are
// left, or can be read now.
using UnrepairableSink = std::function<void(const Pack&)>;

// Writes the shards of these packs that are missing or crowded, as repair() says: the packs first
// that can lose the fewest failure domains, within options.budget_bytes, and not on the stores that
// are leaving. Needs no key. Adds what it did to `report`; but for `unrepairable`, which is called.
// Of the options, `model` is not looked at. Throws Error{cancelled} and Error{timed_out} as `call`
// says.
void repair_packs(const RepairContext& context, const transfer::Inventory& inventory, const std::vector<Pack>& packs,
                  const RepairOptions& options, const UnrepairableSink& unrepairable, RepairReport& report,
                  const CallOptions& call);

}  // namespace modelfloat::engine
