#pragma once
// Parity that was added to a pack after it was made (docs/formats/mf1.md section 7). No manifest
// names it; its header says which pack it belongs to.

#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Reads the headers of shards that no pack in the registry names (Inventory::stray()), and records
// in the registry what they say and where the shards are. A header that the registry knows already
// is not read again. A header that cannot be read now is left out. Throws only Error{cancelled} and
// Error{timed_out}, as `call` says, and what the registry throws.
void learn_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const ListedShards& stray,
                        const CallOptions& call);
// The same for all stray shards that the stores that are online list.
void find_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const CallOptions& call);

// Whether this stray shard is later parity of the pack, by its header.
bool is_later_parity(const registry::StrayShard& shard, const Pack& pack);
// The later parity shards of the pack that the registry knows, by index. Only reading the pack
// proves that they are right: anybody may write such a header.
std::vector<registry::StrayShard> later_parity(registry::PackIndex& registry, const Pack& pack);

}  // namespace modelfloat::transfer
