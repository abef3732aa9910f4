#include "modelfloat/transfer/ask/inventory.h"

#include <algorithm>

#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/ask/copy_check.h"

namespace modelfloat::transfer {
namespace {

const Inventory::Shard* find_shard(const Inventory::Store& listed, const Hash256& object) {
  const auto found =
      std::lower_bound(listed.shards.begin(), listed.shards.end(), object,
                       [](const Inventory::Shard& shard, const Hash256& wanted) { return shard.object < wanted; });
  return found == listed.shards.end() || found->object != object ? nullptr : &*found;
}

bool has_whole(const Inventory::Store& listed, const Hash256& object, std::uint64_t size_bytes) {
  const Inventory::Shard* shard = find_shard(listed, object);
  return shard != nullptr && shard->size_bytes == size_bytes &&
         !std::binary_search(listed.corrupt.begin(), listed.corrupt.end(), object);
}

Inventory::Store sorted(StoreListing listing, registry::PackIndex& registry) {
  Inventory::Store listed{listing.store, listing.complete, std::move(listing.trouble)};
  for (const store::ObjectInfo& info : listing.objects) {
    if (info.name.type() == ObjectType::shard) {
      listed.shards.push_back({*info.name.hash(), info.size_bytes});
      if (info.checksum) listed.checksums.emplace(*info.name.hash(), *info.checksum);
    } else {
      listed.others.emplace(info.name, info.size_bytes);
    }
  }
  std::sort(listed.shards.begin(), listed.shards.end());
  const auto same_object = [](const Inventory::Shard& a, const Inventory::Shard& b) { return a.object == b.object; };
  listed.shards.erase(std::unique(listed.shards.begin(), listed.shards.end(), same_object), listed.shards.end());
  listed.shards.shrink_to_fit();
  listed.corrupt = registry.damaged_shards(listing.store->id, registry::CopyState::corrupt);
  return listed;
}

}  // namespace

Inventory::Inventory(const std::vector<const PoolStore*>& pool, std::vector<StoreListing> listings,
                     registry::PackIndex& registry)
    : registry_(registry) {
  for (const PoolStore* store : pool) {
    const auto listing =
        std::find_if(listings.begin(), listings.end(), [&](const StoreListing& one) { return one.store == store; });
    if (listing == listings.end()) {
      stores_.push_back({.store = store});
    } else {
      stores_.push_back(sorted(std::move(*listing), registry));
      *listing = {};  // free the listing early: its names need more memory than what is kept
    }
  }
}

const Inventory::Store* Inventory::find(const PoolStore& store) const noexcept {
  const auto found =
      std::find_if(stores_.begin(), stores_.end(), [&](const Store& one) { return one.store == &store; });
  return found == stores_.end() ? nullptr : &*found;
}

bool Inventory::complete() const noexcept {
  return std::all_of(stores_.begin(), stores_.end(), [](const Store& one) { return one.is_complete; });
}

bool Inventory::complete(const PoolStore& store) const noexcept {
  const Store* found = find(store);
  return found != nullptr && found->is_complete;
}

std::vector<InventoryCopy> Inventory::copies(const Hash256& object) const {
  const auto expected = registry_.shard_copies(object);
  std::vector<InventoryCopy> copies;
  for (const Store& one : stores_) {
    InventoryCopy copy{one.store, one.is_complete};
    if (const Shard* shard = find_shard(one, object)) copy.size_bytes = shard->size_bytes;
    const auto known = std::find_if(expected.begin(), expected.end(),
                                    [&](const registry::ShardCopy& there) { return there.store == one.store->id; });
    if (known != expected.end()) copy.remembered = known->state;
    if (copy.size_bytes || copy.remembered) copies.push_back(copy);
  }
  return copies;
}

std::vector<const PoolStore*> Inventory::holders(const Pack& pack, std::size_t index) const {
  std::vector<const PoolStore*> holders;
  for (const Store& one : stores_) {
    if (has_whole(one, pack.shard_name(index), mf1::k_header_bytes + pack.slice_bytes)) holders.push_back(one.store);
  }
  return holders;
}

std::vector<std::size_t> Inventory::missing(const Pack& pack) const {
  std::vector<std::size_t> missing;
  const std::size_t copies = pack.k == 1 ? holders(pack, 0).size() : 0;
  for (std::size_t index = 0; index < pack.shard_count(); ++index) {
    const bool is_there = pack.k == 1 ? index < copies : !holders(pack, index).empty();
    if (!is_there) missing.push_back(index);
  }
  return missing;
}

ListedShards Inventory::stray() const {
  std::vector<Hash256> objects;
  for (const Store& one : stores_) {
    for (const Shard& shard : one.shards) objects.push_back(shard.object);
  }
  std::sort(objects.begin(), objects.end());
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  ListedShards stray;
  for (const Hash256& object : registry_.unnamed_shards(objects)) {
    for (const Store& one : stores_) {
      if (find_shard(one, object) != nullptr) stray[object].push_back(one.store);
    }
  }
  return stray;
}

std::string Inventory::listed_checksum(const PoolStore& store, const Hash256& shard) const {
  const Store* listed = find(store);
  if (listed == nullptr) return {};
  const auto found = listed->checksums.find(shard);
  return found == listed->checksums.end() ? std::string() : found->second;
}

Inventory::DocumentStores Inventory::expected_everywhere(const ObjectName& document) const {
  DocumentStores stores;
  for (const Store& one : stores_) {
    if (one.others.contains(document)) {
      stores.having.push_back(one.store);
    } else if (one.is_complete) {
      stores.lacking.push_back(one.store);
    }
  }
  return stores;
}

std::optional<std::uint64_t> Inventory::listed_size(const PoolStore& store, const ObjectName& name) const {
  const Store* one = find(store);
  if (one == nullptr) return std::nullopt;
  if (name.type() == ObjectType::shard) {
    const Shard* shard = find_shard(*one, *name.hash());
    return shard == nullptr ? std::nullopt : std::optional(shard->size_bytes);
  }
  const auto other = one->others.find(name);
  return other == one->others.end() ? std::nullopt : std::optional(other->second);
}

// Looks at what was missing and is listed now. A list may be older than what was found missing.
static void look_at_returned(const StoreSet& stores, registry::PackIndex& registry,
                             const std::vector<StoreListing>& listings, const CallOptions& call) {
  std::vector<CopyToCheck> returned;
  for (const StoreListing& listing : listings) {
    const auto missing = registry.damaged_shards(listing.store->id, registry::CopyState::missing);
    if (missing.empty()) continue;
    for (const store::ObjectInfo& info : listing.objects) {
      const bool is_shard = info.name.type() == ObjectType::shard;
      if (is_shard && std::binary_search(missing.begin(), missing.end(), *info.name.hash()))
        returned.push_back({info.name, listing.store, 0});
    }
  }
  const auto record = [&](const CopyToCheck& copy, std::optional<Damage> damage) {
    const Hash256 object = *copy.name.hash();
    if (!damage) {
      registry.add_shard_place(object, copy.store->id);
    } else if (*damage != Damage::offline) {
      registry.record_shard_copy(object, copy.store->id, registry::CopyState::corrupt);
    }
  };
  check_copies(stores, std::move(returned), call, record, CopyQuestion::is_there);
}

Inventory take_inventory(const StoreSet& stores, registry::PackIndex& registry,
                         const std::vector<std::string>& prefixes, const CallOptions& call) {
  auto listings = list_stores(stores, prefixes, WaitFor::all, {}, call);
  look_at_returned(stores, registry, listings, call);
  // all() includes stores that joined meanwhile.
  return {stores.all(), std::move(listings), registry};
}

void record_shard_places(const Inventory& inventory, registry::PackIndex& registry) {
  for (const Inventory::Store& listed : inventory.stores()) {
    std::vector<Hash256> objects;
    for (const Inventory::Shard& shard : listed.shards) objects.push_back(shard.object);
    if (listed.is_complete) {
      registry.set_shard_places(listed.store->id, objects);
    } else {
      for (const Hash256& object : objects) registry.add_shard_place(object, listed.store->id);
    }
  }
}

}  // namespace modelfloat::transfer
