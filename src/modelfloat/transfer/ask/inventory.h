#pragma once
// What the stores of a pool have, by lists of one moment and by what is remembered of damage.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/ask/listing.h"

namespace modelfloat::transfer {

// Shards and the stores that list them.
using ListedShards = std::map<Hash256, std::vector<const PoolStore*>>;

// What is known of one copy of a shard. At least one of the two members `size_bytes` and
// `remembered` has a value.
struct InventoryCopy {
  const PoolStore* store = nullptr;
  bool is_decided = false;                             // the list of the store is complete
  std::optional<std::uint64_t> size_bytes = {};        // as listed; nothing: the list lacks it
  std::optional<registry::CopyState> remembered = {};  // nothing: nobody expects it there
};

// Compares what is on the stores with what should be there. Whoever repairs learns which shards are
// missing() and which stores are holders() of the others; whoever deletes learns what is stray().
//
// An object is known to be absent only where the list of the store is complete. So nothing may be
// deleted, and nothing given up, by an inventory that is not complete().
//
// The lists are fixed. What copies() and stray() read in the registry is of the moment of the call,
// and they throw what it throws; the other methods ask nobody. Many threads may read at once.
class Inventory {
 public:
  struct Shard {
    Hash256 object{};
    std::uint64_t size_bytes = 0;
    auto operator<=>(const Shard&) const = default;
  };
  // One store of the pool, whether or not it could be asked.
  struct Store {
    const PoolStore* store = nullptr;
    bool is_complete = false;        // `shards` and `others` are all that it has
    std::string trouble = {};        // why it is not complete; empty when it was not asked
    std::vector<Shard> shards = {};  // in order, each once
    // In order: the shards that are remembered as not whole there.
    std::vector<Hash256> damaged = {};
    // Objects that are no shards, and their sizes.
    std::map<ObjectName, std::uint64_t> others = {};
  };

  // Of the stores `pool`, in this order. Lists of other stores are left out: they have left the
  // pool meanwhile. The registry outlives the inventory.
  Inventory(const std::vector<const PoolStore*>& pool, std::vector<StoreListing> listings,
            registry::PackIndex& registry);

  const std::vector<Store>& stores() const noexcept { return stores_; }

  // Whether every store of the pool gave a complete list.
  bool complete() const noexcept;
  // Whether this one did. False for a store that the inventory does not have.
  bool complete(const PoolStore& store) const noexcept;

  // Every store that lists the shard, or that should have it by the registry. Empty: nobody does.
  std::vector<InventoryCopy> copies(const Hash256& object) const;

  // The stores that list this shard of the pack with its right size, and of whose copy no damage is
  // remembered. With k = 1 all shards of a pack are copies of one object: index is 0.
  std::vector<const PoolStore*> holders(const Pack& pack, std::size_t index) const;
  // The shards of the pack without a holder, by index. With k = 1 as many as copies are lacking.
  std::vector<std::size_t> missing(const Pack& pack) const;

  // Listed shards that no pack in the registry names. A manifest that was not read yet may name
  // them, or a push that is under way on another machine.
  ListedShards stray() const;

  // Of a document that every store must have: the stores that list it, and those that lack it. A
  // store that does not list it and is not complete is in neither.
  struct DocumentStores {
    std::vector<const PoolStore*> having;
    std::vector<const PoolStore*> lacking;
  };
  DocumentStores expected_everywhere(const ObjectName& document) const;

  // As the store lists it; nothing when it does not.
  std::optional<std::uint64_t> listed_size(const PoolStore& store, const ObjectName& name) const;

 private:
  const Store* find(const PoolStore& store) const noexcept;

  registry::PackIndex& registry_;
  std::vector<Store> stores_;
};

// Lists everything under the prefixes on all stores that are online (list_stores(), as one does who
// waits for all). Throws only what the caller's own options say, and what the registry throws.
Inventory take_inventory(const StoreSet& stores, registry::PackIndex& registry,
                         const std::vector<std::string>& prefixes, const CallOptions& call);

}  // namespace modelfloat::transfer
