#pragma once
// Parity that was added to a pack after it was made (docs/formats/mf1.md section 7): no manifest
// names it, its header says what it is.

#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Of shards that no pack in the registry names (Inventory::stray()), reads the headers, each once
// in the life of the registry, and notes there what they say and where they lie. What cannot be
// read now is left out. Throws only what the caller's own options say.
void learn_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const ListedShards& stray,
                        const CallOptions& call);
// The same of everything that the stores which are online list.
void find_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const CallOptions& call);

// Whether this stray shard is, by its header, parity of the pack that was added later.
bool is_later_parity(const registry::StrayShard& shard, const Pack& pack);
// The parities of the pack that the registry has learned of, by index. Only reading proves them:
// anybody may write such a header.
std::vector<registry::StrayShard> later_parity(registry::PackIndex& registry, const Pack& pack);

}  // namespace modelfloat::transfer
