#pragma once
// What the stores of a pool have: the lists of all stores at one moment, and the damage that is
// remembered in the registry.

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

// What is known of one copy of a shard. At least one of `size_bytes` and `remembered` has a value.
struct InventoryCopy {
  const PoolStore* store = nullptr;
  bool is_decided = false;                             // the list of the store is complete
  std::optional<std::uint64_t> size_bytes = {};        // as listed; nullopt: not listed
  std::optional<registry::CopyState> remembered = {};  // nullopt: not expected there
};

// Compares what is on the stores with what should be there. Repair uses missing() for the shards to
// make again and holders() for the stores to read the others from. Deletion uses stray().
// An object is known to be absent only where the list of the store is complete. So nothing may be
// deleted or declared lost on the basis of an inventory that is not complete().
// The lists are fixed. copies() and stray() also read the registry as it is when they are called,
// and throw what it throws. The other methods access neither stores nor registry. Many threads may
// call any method at once.
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
    std::vector<Shard> shards = {};  // sorted, without duplicates
    // Sorted: the shards whose copies on this store are remembered as corrupt.
    std::vector<Hash256> corrupt = {};
    // The checksums of shards, where the store lists them.
    std::map<Hash256, std::string> checksums = {};
    // All other objects, with their sizes.
    std::map<ObjectName, std::uint64_t> others = {};
  };

  // Makes the inventory of the stores `pool`, in this order. A list of any other store is ignored:
  // that store has left the pool meanwhile. The registry outlives the inventory.
  Inventory(const std::vector<const PoolStore*>& pool, std::vector<StoreListing> listings,
            registry::PackIndex& registry);

  const std::vector<Store>& stores() const noexcept { return stores_; }

  // Whether every store of the pool gave a complete list.
  bool complete() const noexcept;
  // Whether this store gave a complete list. False for a store that is not in the inventory.
  bool complete(const PoolStore& store) const noexcept;

  // Every store that lists the shard, or that should have it according to the registry. Empty when
  // there is none.
  std::vector<InventoryCopy> copies(const Hash256& object) const;

  // The stores that list this shard of the pack with its right size and whose copy is not known to
  // be damaged. With k = 1 all shards of a pack are copies of one object, and `index` is 0.
  std::vector<const PoolStore*> holders(const Pack& pack, std::size_t index) const;
  // The indexes of the shards of the pack that have no holder. With k = 1: as many indexes as there
  // are copies missing.
  std::vector<std::size_t> missing(const Pack& pack) const;

  // Listed shards that no pack in the registry names. They may still be in use: a manifest that was
  // not read yet may name them, or a push that is running on another machine.
  ListedShards stray() const;

  // For a document that every store must have: the stores that list it, and those that lack it. A
  // store whose list is incomplete and does not show it is in neither.
  struct DocumentStores {
    std::vector<const PoolStore*> having;
    std::vector<const PoolStore*> lacking;
  };
  DocumentStores expected_everywhere(const ObjectName& document) const;

  // The shard's checksum as the store lists it; empty when it lists none.
  std::string listed_checksum(const PoolStore& store, const Hash256& shard) const;
  // The object's size as the store lists it; nullopt when it does not list it.
  std::optional<std::uint64_t> listed_size(const PoolStore& store, const ObjectName& name) const;

 private:
  const Store* find(const PoolStore& store) const noexcept;

  registry::PackIndex& registry_;
  std::vector<Store> stores_;
};

// Lists everything under the prefixes on all stores that are online, by list_stores() with
// WaitFor::all. Of a shard that was found missing before and is listed again, some bytes are read: when the
// store does not have them, the copy is recorded as corrupt. Waits for the stores. Throws only Error{cancelled} and Error{timed_out}, as `call`
// says, and what the registry throws.
Inventory take_inventory(const StoreSet& stores, registry::PackIndex& registry,
                         const std::vector<std::string>& prefixes, const CallOptions& call);

// Records in the registry where the listed shards are; of stores whose list is complete, that they
// have no others. Throws what the registry throws.
void record_shard_places(const Inventory& inventory, registry::PackIndex& registry);

}  // namespace modelfloat::transfer
