#pragma once
// Finds out where shards lie of which the registry knows nothing, by asking the stores for lists.

#include <map>
#include <mutex>
#include <set>
#include <span>

#include "modelfloat/domain/ids.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::engine {

// Shared by threads. Lives as long as its pool.
class ShardSearch {
 public:
  // A shard to look for: its name, the size that it must have, and how many stores should have it.
  struct Wanted {
    Hash256 object{};
    std::uint64_t size_bytes = 0;
    std::size_t copies = 1;
    bool operator<(const Wanted& other) const { return object < other.object; }
  };
  // What is known of a shard on stores for which the registry has no entry.
  enum class Verdict {
    // It was not looked for in the last 10 minutes, or a store that is online could not be listed.
    unknown,
    away,     // no other store that is online has it; a store that is away may have it
    nowhere,  // no other store of the pool has it
  };

  ShardSearch(const transfer::StoreSet& stores, registry::PackIndex& registry) : stores_(stores), registry_(registry) {}

  // Lists the stores that are online, for Timeouts::search at most, and enters into the registry
  // which of the shards they have. What was looked for less than 30 s ago is not looked for again.
  // Returns whether stores were asked. Throws what the caller's own options say, and what the
  // registry throws.
  bool run(const std::set<Wanted>& wanted, const CallOptions& call);

  Verdict verdict(const Hash256& object) const;

 private:
  struct Looked {
    SteadyTime at{};
    std::set<StoreId> listed = {};  // the stores that gave a complete list
  };

  std::set<Wanted> take_due(const std::set<Wanted>& wanted);

  const transfer::StoreSet& stores_;
  registry::PackIndex& registry_;
  mutable std::mutex mutex_;  // guards looked_
  std::map<Hash256, Looked> looked_;
};

}  // namespace modelfloat::engine
