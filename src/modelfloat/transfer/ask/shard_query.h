#pragma once
// Asks the stores for single shards by name, which is quicker than listing all of them.

#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::transfer {

// Used by one thread at a time.
class ShardQuery {
 public:
  // `stores` and `registry` outlive it.
  ShardQuery(const StoreSet& stores, registry::PackIndex& registry, CallOptions call)
      : stores_(stores), registry_(registry), call_(std::move(call)) {}

  // Asks for all shards of the packs, by stat(), all at once. A shard is asked for on the stores
  // that should have it by the registry; on all stores when these are too few, or don't have it. A
  // shard that is found where the registry did not know of it is recorded there.
  // Returns an inventory of these shards only: no store in it is complete, and `trouble` says why a
  // store did not answer. Such a store is not asked again, unless it only refused a single shard.
  // Waits for stores that are online; those that do not answer for a while are stragglers. Throws
  // only Error{cancelled} and Error{timed_out}, as the caller's options say, and what the registry
  // throws.
  Inventory ask(std::span<const Pack> packs);

  // How many shards were asked for so far, on the store where they are the most.
  std::uint64_t most_calls() const noexcept { return most_calls_; }

 private:
  class Round;

  const StoreSet& stores_;
  registry::PackIndex& registry_;
  const CallOptions call_;
  std::set<const PoolStore*> silent_;  // that are not asked any more
  std::map<StoreId, std::uint64_t> calls_;
  std::uint64_t most_calls_ = 0;
};

}  // namespace modelfloat::transfer
