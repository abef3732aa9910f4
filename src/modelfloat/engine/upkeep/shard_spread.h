#pragma once
// Where the shards of a pack are, and which are to be made again, by the lists of the stores.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/packs/delivery.h"

namespace modelfloat::engine {

// Of several copies of a shard the one lies there whose domain has least of the pack.
struct ShardSpread {
  // How many failure domains may be lost, whichever they are, so that the pack can still be read; all
  // copies count. nullopt: it cannot be read.
  std::optional<unsigned> domains_may_go;
  std::vector<transfer::ShardPlace> lying;  // the copies that count
  std::vector<std::size_t> missing;         // indexes of shards that have no copy, in order
  std::map<std::size_t, StoreId> prefer;    // by index: where a missing shard was
  bool is_undecided = false;                // some may be on stores that could not be listed
  // Not in `lying`: those whose domain has too many of the pack. Empty when no shard is missing and
  // the promise is kept all the same, by copies elsewhere.
  std::vector<transfer::ShardPlace> crowded;
};

// Copies on the stores in `leaving` do not count. A shard that no store lists, and that one in
// `awaited` has that is offline, as far as is known, counts as lying there.
ShardSpread spread_of(const transfer::Inventory& inventory, const Pack& pack, const std::set<StoreId>& leaving,
                      const std::set<StoreId>& awaited = {});

}  // namespace modelfloat::engine
