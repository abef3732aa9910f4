#pragma once
// How well a pack stands, by where the registry believes its shards to lie. Nothing is read.

#include <set>
#include <string>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/engine/pool.h"

namespace modelfloat::engine {

enum class Health {
  sound,     // every shard of every pack is where it should be
  degraded,  // readable, but the promise is not kept: shards are missing, or their store is offline
  lost,      // fewer than k shards of some pack can be read now
  unknown,   // its manifest cannot be read now
};
std::string_view to_string(Health) noexcept;
inline Health worse(Health a, Health b) noexcept { return a < b ? b : a; }

// One shard and the stores of the pool that hold it.
struct ShardStanding {
  std::size_t index = 0;
  Hash256 object{};  // its name
  std::vector<const transfer::PoolStore*> online;
  std::vector<const transfer::PoolStore*> offline;
  std::vector<const transfer::PoolStore*>
      corrupt;  // what they have under its name is wrong, as a read or a verify found
};

// Of shards 0 .. k+m-1, then of parity that was added later, as far as the registry has learned of it. With k = 1 they are copies of one object, and
// each copy is counted as one shard.
std::vector<ShardStanding> shard_standing(Pool& pool, const Pack& pack);
// What was added later keeps a pack from being lost, and makes no promise good.
Health pack_health(const std::vector<ShardStanding>& shards, const Pack& pack);
Health pack_health(const std::set<std::size_t>& present,
                   const Pack& pack);  // by the numbers of the shards that are there

}  // namespace modelfloat::engine
