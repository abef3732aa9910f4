#pragma once
// Makes shards of packs again and delivers them to stores.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/engine/upkeep/repair_context.h"
#include "modelfloat/transfer/packs/delivery.h"
#include "modelfloat/transfer/packs/shard_fetch.h"

namespace modelfloat::engine {

// Some shards of a pack that are to be written.
struct PackToRepair {
  Pack pack;
  std::vector<std::size_t> missing;              // indexes of the shards, at least one
  std::vector<transfer::ShardPlace> lying = {};  // one place for each of the others
  std::map<std::size_t, StoreId> prefer = {};    // by index: where the shard was before
  // Of `missing`, those that are there, in a domain that has too many of the pack. They get another
  // copy elsewhere; where there is no better place, they stay as they are.
  std::vector<transfer::ShardPlace> crowded = {};
  // Whether each missing shard has a copy somewhere that may be read and does not count. Then only
  // these are read, else any k shards.
  bool can_be_copied = false;

  std::uint64_t object_bytes() const noexcept;
  std::uint64_t bytes_to_read() const noexcept;
  std::uint64_t bytes_to_write() const noexcept { return missing.size() * object_bytes(); }
};

// Works through packs: while the shards of one are delivered, those of the next are fetched. Two
// packs are in memory. Used by one thread. All methods that wait throw Error{cancelled} and
// Error{timed_out} as the call options say.
class PackRepair {
 public:
  // Delivers to the stores in `targets`, within their free space.
  PackRepair(const RepairContext& context, transfer::Targets targets, CallOptions call);
  ~PackRepair();
  PackRepair(const PackRepair&) = delete;
  PackRepair& operator=(const PackRepair&) = delete;

  // Whether a pack has been begun and not finished.
  bool has_begun() const noexcept { return fetching_ != nullptr; }
  // Starts to fetch what the pack needs. Waits only for stores of which it is not known yet whether
  // they are online. No other pack may have been begun.
  void begin(PackToRepair pack);

  enum class Outcome {
    as_promised,      // every shard is in its place
    less_spread,      // too, and yet the pack survives the loss of fewer domains than was promised
    no_better_place,  // only crowded shards were to be placed, and nothing was put
    no_room,          // no place for the shards; nothing is known of those that were put
    too_few_left,     // it cannot be read: fewer than k shards are left, or can be read now
  };
  // Finishes the pack that was begun, and starts to fetch `next` while this one is delivered. With
  // `may_spread_less`, a pack whose promise cannot be kept by any placement gets one that keeps as
  // much of it as can be.
  Outcome finish(bool may_spread_less, std::optional<PackToRepair> next);

  // Of the last pack that was finished, in the order of PackToRepair::missing.
  const std::vector<transfer::ShardPlace>& places() const noexcept { return places_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  std::uint64_t bytes_written() const noexcept { return delivery_.put_bytes(); }

 private:
  struct Fetching;

  std::vector<transfer::ShardObject> rebuild(const PackToRepair& task, const transfer::ShardPart& part) const;
  static bool drop_unproven(Fetching& current);
  Outcome deliver(const PackToRepair& task, const std::vector<transfer::ShardObject>& objects, bool may_spread_less);

  const RepairContext context_;
  const CallOptions call_;
  transfer::Delivery delivery_;
  std::unique_ptr<Fetching> fetching_;
  std::vector<transfer::ShardPlace> places_;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace modelfloat::engine
