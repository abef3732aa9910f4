#pragma once
// Which packs there are, what is in them, and which stores have their shards.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/registry/transactions.h"

namespace modelfloat::registry {

// What is known of one copy of a shard.
enum class CopyState {
  whole,    // as far as anybody knows
  corrupt,  // it was read, or listed with a wrong size, and is not what its name says
  missing,  // it should be there, and was not
};
struct ShardCopy {
  StoreId store{};
  CopyState state = CopyState::whole;
  bool operator==(const ShardCopy&) const = default;
};

// A shard that no manifest names, by what its header says.
struct StrayShard {
  Hash256 object{};
  PackId pack{};
  std::uint8_t index = 0;
  bool operator==(const StrayShard&) const = default;
};

// Threads, durability and errors: see Registry. Shards are named by the hash in their object's
// name.
class PackIndex : public virtual Transactions {
 public:
  // Enters a pack that is durable, with all of its fragments, in one transaction; replaces what was
  // known of the pack. From here on an interrupted push finds it again. `places` has the store of
  // each shard, in shard order (k+m of them), each just confirmed: all of these copies are whole.
  // Error{internal} when pack, fragments and places don't fit each other.
  virtual void add_pack(const Pack&, std::span<const Fragment> fragments, std::span<const StoreId> places) = 0;
  // Enters what a manifest says of a pack: the pack when it is not known, and those of `fragments`
  // that are not. Leaves alone where its shards lie. Error as add_pack(). Returns a number that
  // stands for exactly this pack until it is forgotten or entered anew, and for no other ever;
  // nothing when other facts than these are known of the pack.
  virtual std::optional<std::uint64_t> learn_pack(const Pack&, std::span<const Fragment> fragments) = 0;
  // The pack, or nullopt when it is not known.
  virtual std::optional<Pack> pack(const PackId&) = 0;
  // The fragments with this id in all packs and of all epochs, newest pack first; empty when there
  // are none.
  virtual std::vector<Fragment> find_fragment(const FragmentId&) = 0;
  // Forgets the pack with its fragments and the places of its shards. An unknown pack is fine.
  virtual void remove_pack(const PackId&) = 0;

  // A listing: the store has these shards and no others. As with add_shard_place(), a copy that is
  // recorded as corrupt stays so.
  virtual void set_shard_places(const StoreId&, std::span<const Hash256> all_objects_there) = 0;
  // The shard was seen there. A copy that is recorded as corrupt stays so until its bytes were read
  // or put, and it is recorded as whole, or until add_pack() names it.
  virtual void add_shard_place(const Hash256& object, const StoreId&) = 0;
  // What is known of this copy from now on.
  virtual void record_shard_copy(const Hash256& object, const StoreId&, CopyState) = 0;
  // The stores with a whole copy, in order.
  virtual std::vector<StoreId> shard_places(const Hash256& object) = 0;
  // All copies that are there or should be, ordered by store.
  virtual std::vector<ShardCopy> shard_copies(const Hash256& object) = 0;
  // The shards of which this store's copy is not whole, in order.
  virtual std::vector<Hash256> damaged_shards(const StoreId&) = 0;
  // How many whole copies the store has.
  virtual std::uint64_t shard_count(const StoreId&) = 0;
  // How many bytes of slices are in those of them that a known pack names.
  virtual std::uint64_t shard_bytes(const StoreId&) = 0;

  // Of these shards, in the given order, those that no known pack names.
  virtual std::vector<Hash256> unnamed_shards(std::span<const Hash256> objects) = 0;
  // Adds shards whose headers were read. Adding one twice is fine. One stays when a pack names it
  // later.
  virtual void add_stray_shards(std::span<const StrayShard>) = 0;
  // The stray shard, or nullopt when none of this name was added.
  virtual std::optional<StrayShard> stray_shard(const Hash256& object) = 0;
  // Those that say that they belong to this pack, ordered by index.
  virtual std::vector<StrayShard> stray_shards(const PackId&) = 0;
};

}  // namespace modelfloat::registry
