#pragma once
// Which packs there are, what is in them, and which stores have their shards.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/registry/transactions.h"

namespace modelfloat::registry {

// What is known of one copy of a shard.
enum class CopyState {
  whole,    // as far as is known
  corrupt,  // its bytes or its listed size do not fit its name
  missing,  // it should be there, and was not found
};
struct ShardCopy {
  StoreId store{};
  CopyState state = CopyState::whole;
  std::uint64_t proved_at = 0;  // when its bytes were last proven right, in seconds of Unix time; 0: never
  bool operator==(const ShardCopy&) const = default;
};

// A copy whose bytes are right: they were read and compared with the name, or the store lists for
// them the checksum that they have.
struct CopyProof {
  Hash256 object{};
  StoreId store{};
  std::string checksum = {};  // as the store lists it, "md5:.."; empty: none
  bool operator==(const CopyProof&) const = default;
};

// A shard that no pack here named when it was found, as its header describes it.
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
  // Records a durable pack with all of its fragments, in one transaction. Replaces what was known
  // of the pack. A push that is repeated after an interruption finds the pack here. `places`
  // lists the store of each of the k+m shards, in shard order. These stores have just confirmed
  // their shards, so all copies are recorded as whole. Error{internal} when pack, fragments and
  // places do not fit together.
  virtual void add_pack(const Pack&, std::span<const Fragment> fragments, std::span<const StoreId> places) = 0;
  // Records what a manifest says of a pack: the pack and those of `fragments` that are not known
  // yet. Does not change the locations of its shards. Returns a number that identifies the pack
  // until it is removed or replaced; the number is never reused. nullopt when the registry has
  // different facts about the pack; the fragments are recorded all the same. Errors as for
  // add_pack().
  virtual std::optional<std::uint64_t> learn_pack(const Pack&, std::span<const Fragment> fragments) = 0;
  // The pack, or nullopt when it is not known.
  virtual std::optional<Pack> pack(const PackId&) = 0;
  // The fragments with this id in all packs and of all epochs, newest pack first; empty when there
  // are none.
  virtual std::vector<Fragment> find_fragment(const FragmentId&) = 0;
  // Returns at most `limit` packs that were recorded after this one, in the order in which they were
  // recorded; empty when the pack is not known. A push, and a manifest that is learned, records its
  // packs in the order of the files.
  virtual std::vector<PackId> packs_after(const PackId&, std::size_t limit) = 0;
  // Removes the pack with its fragments and the locations of its shards. Does nothing for an
  // unknown pack.
  virtual void remove_pack(const PackId&) = 0;

  // Records a complete listing: the store has these shards and no others. Other copies that were
  // recorded there are forgotten, damaged ones too. A listed copy that is recorded as corrupt stays
  // corrupt, as with add_shard_place().
  virtual void set_shard_places(const StoreId&, std::span<const Hash256> all_objects_there) = 0;
  // Records that the shard was seen on the store. A copy that is recorded as corrupt stays
  // corrupt: only record_shard_copy(), after its bytes were read or put, or add_pack() makes it
  // whole.
  virtual void add_shard_place(const Hash256& object, const StoreId&) = 0;
  // Replaces the recorded state of this copy; but what is corrupt does not become missing, since it may
  // be listed again.
  virtual void record_shard_copy(const Hash256& object, const StoreId&, CopyState) = 0;
  // Records that these copies were proven right at this time (seconds of Unix time); they are whole
  // then. All are durable together.
  virtual void record_proofs(std::span<const CopyProof>, std::uint64_t at) = 0;
  // The checksums that the store listed for the whole copies that it has, when they were proven
  // right. Copies without one are left out.
  virtual std::map<Hash256, std::string> shard_checksums(const StoreId&) = 0;
  // The stores with a whole copy, ordered by id.
  virtual std::vector<StoreId> shard_places(const Hash256& object) = 0;
  // All copies that are there or should be, ordered by store.
  virtual std::vector<ShardCopy> shard_copies(const Hash256& object) = 0;
  // The shards whose copy on this store is recorded in this state, corrupt or missing; ordered by name.
  virtual std::vector<Hash256> damaged_shards(const StoreId&, CopyState) = 0;
  // How many whole copies the store has.
  virtual std::uint64_t shard_count(const StoreId&) = 0;
  // The slice bytes of the store's whole copies. Only shards that a known pack names count.
  virtual std::uint64_t shard_bytes(const StoreId&) = 0;

  // Those of `objects` that no known pack names, in the given order.
  virtual std::vector<Hash256> unnamed_shards(std::span<const Hash256> objects) = 0;
  // Adds shards whose headers were read. Adding one twice is fine. An entry is kept even when a
  // pack names the shard later.
  virtual void add_stray_shards(std::span<const StrayShard>) = 0;
  // The stray shard, or nullopt when none of this name was added.
  virtual std::optional<StrayShard> stray_shard(const Hash256& object) = 0;
  // The stray shards whose headers name this pack, ordered by index; empty when there are none.
  virtual std::vector<StrayShard> stray_shards(const PackId&) = 0;
};

}  // namespace modelfloat::registry
