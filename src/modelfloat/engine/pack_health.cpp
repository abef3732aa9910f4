#include "modelfloat/engine/pack_health.h"

#include <algorithm>

#include "modelfloat/transfer/later_parity.h"

namespace modelfloat::engine {

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::sound: return "sound";
    case Health::degraded: return "degraded";
    case Health::lost: return "lost";
    case Health::unknown: return "unknown";
  }
  return "unknown";
}

static ShardStanding standing_of(Pool& pool, std::size_t index, const Hash256& object) {
  ShardStanding standing{index, object, {}, {}, {}};
  for (const registry::ShardCopy& copy : pool.registry().shard_copies(object)) {
    const transfer::PoolStore* store = pool.stores().find(copy.store);
    if (store == nullptr || copy.state == registry::CopyState::missing) continue;
    if (copy.state == registry::CopyState::corrupt) {
      standing.corrupt.push_back(store);
    } else {
      (store->is_online() ? standing.online : standing.offline).push_back(store);
    }
  }
  return standing;
}

// One object, each copy of which counts as a shard.
static std::vector<ShardStanding> standing_of_copies(Pool& pool, const Pack& pack) {
  const ShardStanding all = standing_of(pool, 0, pack.shard_name(0));
  std::vector<ShardStanding> shards;
  for (std::size_t copy = 0; copy < pack.shard_count(); ++copy) {
    ShardStanding shard{copy, all.object, {}, {}, {}};
    std::size_t place = copy;
    for (const auto of : {&ShardStanding::online, &ShardStanding::offline, &ShardStanding::corrupt}) {
      if (place < (all.*of).size()) {
        (shard.*of).push_back((all.*of)[place]);
        break;
      }
      place -= (all.*of).size();
    }
    shards.push_back(std::move(shard));
  }
  return shards;
}

std::vector<ShardStanding> shard_standing(Pool& pool, const Pack& pack) {
  if (pack.k == 1) return standing_of_copies(pool, pack);
  std::vector<ShardStanding> shards;
  for (std::size_t index = 0; index < pack.shard_count(); ++index)
    shards.push_back(standing_of(pool, index, pack.shard_name(index)));
  for (const registry::StrayShard& later : transfer::later_parity(pool.registry(), pack)) {
    ShardStanding standing = standing_of(pool, later.index, later.object);
    const bool anywhere = !standing.online.empty() || !standing.offline.empty() || !standing.corrupt.empty();
    if (anywhere) shards.push_back(std::move(standing));
  }
  return shards;
}

Health pack_health(const std::vector<ShardStanding>& shards, const Pack& pack) {
  std::set<std::size_t> present;
  for (const ShardStanding& shard : shards) {
    if (!shard.online.empty()) present.insert(shard.index);
  }
  return pack_health(present, pack);
}

Health pack_health(const std::set<std::size_t>& present, const Pack& pack) {
  if (present.size() < pack.k) return Health::lost;
  const auto promised =
      std::count_if(present.begin(), present.end(), [&](std::size_t index) { return index < pack.shard_count(); });
  return static_cast<std::size_t>(promised) == pack.shard_count() ? Health::sound : Health::degraded;
}

}  // namespace modelfloat::engine
