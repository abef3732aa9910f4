#pragma once
// How well a pack stands, by where the registry believes its shards to lie. Nothing is read.

#include <set>
#include <string>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// From good to bad: the health of a model is the worst of its packs.
enum class Health {
  sound,     // every shard of every pack is where it should be
  degraded,  // readable, but the promise is not kept: shards are missing, or their store is offline
  // This machine cannot tell now: its manifest cannot be read, or nothing is known of some shards.
  unknown,
  offline,  // it cannot be read now: what is missing lies, or may lie, on stores that are away
  lost,     // all stores that may have them were looked at, and too few shards are left
};
std::string_view to_string(Health) noexcept;
inline Health worse(Health a, Health b) noexcept { return a < b ? b : a; }

// Whether stores may be asked for shards of which the registry knows nothing. They are listed at
// most for Timeouts::search, and only when there are such shards.
enum class AskStores { no, yes };

// One shard and the stores of the pool that hold it.
struct ShardLocations {
  std::size_t index = 0;
  Hash256 object{};  // its name
  std::vector<const transfer::PoolStore*> online;
  std::vector<const transfer::PoolStore*> offline;
  std::vector<const transfer::PoolStore*>
      corrupt;  // what they have under its name is wrong, as a read or a verify found
  std::vector<const transfer::PoolStore*> missing;  // it should be there, and was not
  // Of a shard that none of these lists has a store for: what else is known.
  ShardSearch::Verdict elsewhere = ShardSearch::Verdict::nowhere;
};

// Of shards 0 .. k+m-1, then of parity that was added later, as far as the registry has learned of
// it. With k = 1 they are copies of one object, and each copy is counted as one shard.
std::vector<ShardLocations> shard_locations(Pool& pool, const Pack& pack);
std::vector<ShardLocations> shard_locations(Pool& pool, const registry::LocatedPack& located);

// The numbers of the shards that can be read now, and of those that may be there and cannot be read
// or found now.
struct ShardNumbers {
  std::set<std::size_t> present;
  std::set<std::size_t> away;     // on stores that are away, or perhaps there
  std::set<std::size_t> unknown;  // nobody looked for them
};
// What was added later keeps a pack from being lost, and makes no promise good.
Health pack_health(const std::vector<ShardLocations>& shards, const Pack& pack);
Health pack_health(const ShardNumbers& numbers, const Pack& pack);

// What has to be looked for before more can be said of the pack: shards of which nothing is known;
// when too few are left, all that are not there.
std::vector<ShardSearch::Wanted> shards_to_look_for(const std::vector<ShardLocations>& shards, const Pack& pack);

}  // namespace modelfloat::engine
