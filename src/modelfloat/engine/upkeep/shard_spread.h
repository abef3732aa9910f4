#pragma once
// Where the shards of a pack are, and which are to be made again, by the lists of the stores.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/packs/delivery.h"

namespace modelfloat::engine {

// Of several copies of a shard the one counts whose domain has least of the pack.
struct ShardSpread {
  std::vector<transfer::ShardPlace> lying;  // the copies that count
  std::vector<std::size_t> missing;         // indexes of shards that have no copy, in order
  std::map<std::size_t, StoreId> prefer;    // by index: where a missing shard was
  bool is_undecided = false;                // some may be on stores that could not be listed
  // Not in `lying`: those whose domain has too many of the pack for it to keep its promise.
  std::vector<transfer::ShardPlace> crowded;

  // One for each shard that is there, the crowded ones too.
  std::vector<std::string> domains() const;
};

// Copies on the stores in `leaving` do not count. A shard that no store lists, and that one in
// `awaited` has that is offline, as far as is known, counts as lying there.
ShardSpread spread_of(const transfer::Inventory& inventory, const Pack& pack, const std::set<StoreId>& leaving,
                      const std::set<StoreId>& awaited = {});

}  // namespace modelfloat::engine
