#pragma once
// How well a pack stands, by where the registry believes its shards to lie. Nothing is read.

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
  std::vector<const transfer::PoolStore*> online;
  std::vector<const transfer::PoolStore*> offline;
  std::vector<const transfer::PoolStore*> corrupt;  // what they have under its name is wrong, as a read or a verify found
};

// Of shards 0 .. k+m-1. With k = 1 they are copies of one object, and each copy is counted as one shard.
std::vector<ShardStanding> shard_standing(Pool& pool, const Pack& pack);
Health pack_health(const std::vector<ShardStanding>& shards, const Pack& pack) noexcept;

}  // namespace modelfloat::engine
