#include "modelfloat/engine/pack_health.h"

#include <algorithm>

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

std::vector<ShardStanding> shard_standing(Pool& pool, const Pack& pack) {
  std::vector<ShardStanding> shards(pack.shard_count());
  for (std::size_t index = 0; index < shards.size(); ++index) {
    ShardStanding all;
    for (const registry::ShardCopy& copy : pool.registry().shard_copies(pack.shard_name(index))) {
      const transfer::PoolStore* store = pool.stores().find(copy.store);
      if (store == nullptr || copy.state == registry::CopyState::missing) continue;
      if (copy.state == registry::CopyState::corrupt) {
        all.corrupt.push_back(store);
      } else {
        (store->is_online() ? all.online : all.offline).push_back(store);
      }
    }
    if (pack.k > 1) {
      shards[index] = std::move(all);
      continue;
    }
    for (std::size_t copy = 0; copy < shards.size(); ++copy) {
      if (copy < all.online.size()) {
        shards[copy].online = {all.online[copy]};
      } else if (copy < all.online.size() + all.offline.size()) {
        shards[copy].offline = {all.offline[copy - all.online.size()]};
      } else {
        shards[copy].corrupt = all.corrupt;
      }
    }
    break;
  }
  return shards;
}

Health pack_health(const std::vector<ShardStanding>& shards, const Pack& pack) noexcept {
  const auto present = std::count_if(shards.begin(), shards.end(), [](const ShardStanding& shard) { return !shard.online.empty(); });
  if (present < pack.k) return Health::lost;
  return static_cast<std::size_t>(present) == shards.size() ? Health::sound : Health::degraded;
}

}  // namespace modelfloat::engine
