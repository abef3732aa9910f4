#include "modelfloat/engine/upkeep/shard_spread.h"

#include <algorithm>

#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/placement/policy.h"

namespace modelfloat::engine {
namespace {

using registry::CopyState;
using transfer::Inventory;
using transfer::InventoryCopy;
using transfer::PoolStore;
using transfer::ShardPlace;

std::vector<std::vector<const PoolStore*>> holders_of(const Inventory& inventory, const Pack& pack,
                                                      const std::set<StoreId>& leaving) {
  std::vector<std::vector<const PoolStore*>> holders;
  for (std::size_t index = 0; index < pack.shard_count(); ++index) {
    auto& stores = holders.emplace_back(inventory.holders(pack, index));
    std::erase_if(stores, [&](const PoolStore* store) { return leaving.contains(store->id); });
  }
  return holders;
}

// The stores that are offline and awaited and have the shard as far as is known.
std::vector<const PoolStore*> awaited_holders(const Inventory& inventory, const Pack& pack, std::size_t index,
                                              const std::set<StoreId>& leaving, const std::set<StoreId>& awaited) {
  std::vector<const PoolStore*> holders;
  if (awaited.empty()) return holders;
  for (const InventoryCopy& copy : inventory.copies(pack.shard_name(index))) {
    const bool is_away = !copy.is_decided && !copy.store->is_online() && copy.remembered == CopyState::whole;
    const bool counts = is_away && awaited.contains(copy.store->id) && !leaving.contains(copy.store->id);
    if (counts) holders.push_back(copy.store);
  }
  return holders;
}

void look_where_it_was(const Inventory& inventory, const Pack& pack, std::size_t index,
                       const std::set<const PoolStore*>& taken, ShardSpread& spread) {
  for (const InventoryCopy& copy : inventory.copies(pack.shard_name(index))) {
    const bool may_be_there = !copy.is_decided && copy.store->is_online() && copy.remembered == CopyState::whole;
    spread.is_undecided = spread.is_undecided || may_be_there;
    const bool is_preferred = std::any_of(spread.prefer.begin(), spread.prefer.end(),
                                          [&](const auto& one) { return one.second == copy.store->id; });
    if (copy.is_decided && copy.store->use == StoreUse::in_use && !taken.contains(copy.store) && !is_preferred)
      spread.prefer.try_emplace(index, copy.store->id);
  }
}

// Where the fullest domains have more of the pack than may be lost, takes a shard of the fullest.
// Returns whether it did.
bool crowd_out(const Pack& pack, ShardSpread& spread) {
  std::vector<std::string> domains;
  std::map<std::string, unsigned> counts;
  for (const ShardPlace& place : spread.lying) {
    domains.push_back(place.domain);
    ++counts[place.domain];
  }
  if (placement::survives(domains, pack.m, pack.survive)) return false;
  const auto fullest =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (fullest == counts.end() || fullest->second < 2) return false;
  const auto place = std::find_if(spread.lying.begin(), spread.lying.end(),
                                  [&](const ShardPlace& one) { return one.domain == fullest->first; });
  spread.crowded.push_back(*place);
  spread.lying.erase(place);
  return true;
}

}  // namespace

// With k = 1, of each copy.
static std::optional<unsigned> domains_may_go_of(std::vector<std::vector<const PoolStore*>> holders, const Pack& pack) {
  if (pack.k == 1) {
    std::set<const PoolStore*> copies;
    for (const auto& stores : holders) copies.insert(stores.begin(), stores.end());
    holders.clear();
    for (const PoolStore* copy : copies) holders.push_back({copy});
  }
  return domains_may_go(holders, pack);
}

ShardSpread spread_of(const Inventory& inventory, const Pack& pack, const std::set<StoreId>& leaving,
                      const std::set<StoreId>& awaited) {
  ShardSpread spread;
  std::map<std::string, unsigned> used;
  const auto least_used = [&](const PoolStore* a, const PoolStore* b) { return used[a->domain] < used[b->domain]; };
  std::set<const PoolStore*> taken;  // with k = 1
  auto holders = holders_of(inventory, pack, leaving);
  for (const std::size_t index : fewest_holders_first(holders)) {
    auto stores = holders[index];
    const auto leave_out_taken = [&] {
      if (pack.k == 1) std::erase_if(stores, [&](const PoolStore* one) { return taken.contains(one); });
    };
    leave_out_taken();
    if (stores.empty()) {
      stores = awaited_holders(inventory, pack, index, leaving, awaited);
      leave_out_taken();
      holders[index].insert(holders[index].end(), stores.begin(), stores.end());
    }
    if (stores.empty()) {
      spread.missing.push_back(index);
      continue;
    }
    const PoolStore* chosen = *std::min_element(stores.begin(), stores.end(), least_used);
    taken.insert(chosen);
    ++used[chosen->domain];
    spread.lying.push_back({index, chosen->id, chosen->domain});
  }
  std::sort(spread.missing.begin(), spread.missing.end());
  for (const std::size_t index : spread.missing) look_where_it_was(inventory, pack, index, taken, spread);
  spread.domains_may_go = domains_may_go_of(std::move(holders), pack);
  if (spread.missing.empty() && spread.domains_may_go >= pack.survive) return spread;
  while (crowd_out(pack, spread)) {
  }
  return spread;
}

}  // namespace modelfloat::engine
