#include "modelfloat/engine/catalogue/pack_health.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "modelfloat/mf1/format.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {

using Verdict = ShardSearch::Verdict;

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::sound: return "sound";
    case Health::degraded: return "degraded";
    case Health::unknown: return "unknown";
    case Health::offline: return "offline";
    case Health::lost: return "lost";
  }
  return "unknown";
}

static bool has_place(const ShardLocations& shard) {
  return !shard.online.empty() || !shard.offline.empty() || !shard.corrupt.empty() || !shard.missing.empty();
}

static ShardLocations locations_of(Pool& pool, std::size_t index, const Hash256& object,
                                   const std::vector<registry::ShardCopy>& copies) {
  ShardLocations locations{index, object, {}, {}, {}, {}};
  const std::uint64_t now = unix_seconds(pool.environment().clock.utc_now());
  for (const registry::ShardCopy& copy : copies) {
    const transfer::PoolStore* store = pool.stores().find(copy.store);
    if (store == nullptr) continue;
    if (copy.state == registry::CopyState::missing) {
      locations.missing.push_back(store);
    } else if (copy.state == registry::CopyState::corrupt) {
      locations.corrupt.push_back(store);
    } else {
      (store->is_online() ? locations.online : locations.offline).push_back(store);
      // A time that is still to come was told by a wrong clock.
      const std::uint64_t proved_at = copy.proved_at > now ? 0 : copy.proved_at;
      locations.oldest_proof = std::min(locations.oldest_proof.value_or(proved_at), proved_at);
    }
  }
  if (!has_place(locations)) locations.elsewhere = pool.shard_search().verdict(object);
  return locations;
}

// With k = 1 there is one object, and each copy of it counts as a shard.
static std::vector<ShardLocations> locations_of_copies(Pool& pool, const registry::LocatedPack& located) {
  const Pack& pack = located.pack;
  const ShardLocations all = locations_of(pool, 0, pack.shard_name(0), located.copies.at(0));
  std::vector<ShardLocations> shards;
  for (std::size_t copy = 0; copy < pack.shard_count(); ++copy) {
    ShardLocations shard{copy, all.object, {}, {}, {}, {}, all.oldest_proof};
    std::size_t place = copy;
    for (const auto of :
         {&ShardLocations::online, &ShardLocations::offline, &ShardLocations::corrupt, &ShardLocations::missing}) {
      if (place < (all.*of).size()) {
        (shard.*of).push_back((all.*of)[place]);
        break;
      }
      place -= (all.*of).size();
    }
    if (!has_place(shard)) shard.elsewhere = pool.shard_search().verdict(all.object);
    shards.push_back(std::move(shard));
  }
  return shards;
}

std::vector<ShardLocations> shard_locations(Pool& pool, const registry::LocatedPack& located) {
  const Pack& pack = located.pack;
  if (pack.k == 1) return locations_of_copies(pool, located);
  std::vector<ShardLocations> shards;
  for (std::size_t index = 0; index < pack.shard_count(); ++index)
    shards.push_back(locations_of(pool, index, pack.shard_name(index), located.copies.at(index)));
  for (const registry::StrayCopies& stray : located.strays) {
    if (!transfer::is_later_parity(stray.shard, pack)) continue;
    ShardLocations locations = locations_of(pool, stray.shard.index, stray.shard.object, stray.copies);
    const bool anywhere = !locations.online.empty() || !locations.offline.empty() || !locations.corrupt.empty();
    if (anywhere) shards.push_back(std::move(locations));
  }
  return shards;
}

std::vector<ShardLocations> shard_locations(Pool& pool, const Pack& pack) {
  registry::LocatedPack located{pack, {}, {}};
  for (const Hash256& object : pack.shards) located.copies.push_back(pool.registry().shard_copies(object));
  for (const registry::StrayShard& later : transfer::later_parity(pool.registry(), pack))
    located.strays.push_back({later, pool.registry().shard_copies(later.object)});
  return shard_locations(pool, located);
}

std::vector<std::size_t> fewest_holders_first(const std::vector<std::vector<const transfer::PoolStore*>>& holders) {
  std::vector<std::size_t> order(holders.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return holders[a].size() < holders[b].size(); });
  return order;
}

std::optional<unsigned> domains_may_go(const std::vector<std::vector<const transfer::PoolStore*>>& holders,
                                       const Pack& pack) {
  std::vector<std::set<std::string>> domains;
  for (const auto& stores : holders) {
    auto& of_shard = domains.emplace_back();
    for (const auto* store : stores) of_shard.insert(store->domain);
  }
  return placement::domains_may_go(domains, pack.k);
}

std::optional<unsigned> domains_may_go(const std::vector<ShardLocations>& shards, const Pack& pack) {
  std::vector<std::vector<const transfer::PoolStore*>> promised;
  std::vector<std::vector<const transfer::PoolStore*>> all;
  for (const ShardLocations& shard : shards) {
    if (shard.index < pack.shard_count()) promised.push_back(shard.online);
    all.push_back(shard.online);
  }
  // Anybody may write the header of parity that was added later, so it only counts where it must.
  const auto may_go = domains_may_go(promised, pack);
  if (may_go || !domains_may_go(all, pack)) return may_go;
  return 0;
}

std::optional<unsigned> domains_may_go(const std::set<std::string>& domains) {
  return domains.empty() ? std::nullopt : std::optional(static_cast<unsigned>(domains.size() - 1));
}

bool keeps_promise(const std::vector<std::vector<const transfer::PoolStore*>>& holders, const Pack& pack) {
  const auto may_go = domains_may_go(holders, pack);
  return may_go && *may_go >= pack.survive;
}

Health pack_health(const std::vector<ShardLocations>& shards, const Pack& pack) {
  ShardNumbers numbers;
  std::vector<std::vector<const transfer::PoolStore*>> holders;
  for (const ShardLocations& shard : shards) {
    if (shard.index < pack.shard_count()) holders.push_back(shard.online);
    if (!shard.online.empty()) {
      numbers.present.insert(shard.index);
    } else if (!shard.offline.empty() || shard.elsewhere == Verdict::away) {
      numbers.away.insert(shard.index);
    } else if (shard.elsewhere == Verdict::unknown) {
      numbers.unknown.insert(shard.index);
    }
  }
  const Health health = pack_health(numbers, pack);
  return health == Health::sound && !keeps_promise(holders, pack) ? Health::degraded : health;
}

Health pack_health(const ShardNumbers& numbers, const Pack& pack) {
  std::set<std::size_t> within_reach = numbers.present;
  if (within_reach.size() >= pack.k) {
    const auto promised_and_in = [&](const std::set<std::size_t>& set) {
      return static_cast<std::size_t>(
          std::count_if(set.begin(), set.end(), [&](std::size_t index) { return index < pack.shard_count(); }));
    };
    const std::size_t present = promised_and_in(numbers.present);
    if (present == pack.shard_count()) return Health::sound;
    return present + promised_and_in(numbers.unknown) == pack.shard_count() ? Health::unknown : Health::degraded;
  }
  within_reach.insert(numbers.away.begin(), numbers.away.end());
  if (within_reach.size() >= pack.k) return Health::offline;
  within_reach.insert(numbers.unknown.begin(), numbers.unknown.end());
  return within_reach.size() >= pack.k ? Health::unknown : Health::lost;
}

std::vector<ShardSearch::Wanted> shards_to_look_for(const std::vector<ShardLocations>& shards, const Pack& pack) {
  const bool is_lost = pack_health(shards, pack) == Health::lost;
  std::vector<ShardSearch::Wanted> wanted;
  for (const ShardLocations& shard : shards) {
    const bool is_gone = shard.online.empty() && shard.offline.empty() && shard.corrupt.empty();
    if (shard.elsewhere == Verdict::unknown || (is_lost && is_gone)) {
      wanted.push_back({shard.object, mf1::k_header_bytes + pack.slice_bytes, pack.k == 1 ? pack.shard_count() : 1});
    }
  }
  return wanted;
}

}  // namespace modelfloat::engine
