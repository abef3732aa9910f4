#pragma once
// Searches the stores for shards whose location the registry does not know.

#include <map>
#include <mutex>
#include <set>
#include <span>

#include "modelfloat/domain/ids.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::engine {

// May be used from any thread. Lives as long as its pool.
class ShardSearch {
 public:
  // A shard to search for: its name, its expected size, and how many stores should hold it.
  struct Wanted {
    Hash256 object{};
    std::uint64_t size_bytes = 0;
    std::size_t copies = 1;
    bool operator<(const Wanted& other) const { return object < other.object; }
  };
  // What a search found out about stores for which the registry has no entry of the shard.
  enum class Verdict {
    // It was not searched for in the last 10 minutes, or an online store could not be listed.
    unknown,
    away,     // no other online store has it; an offline store may have it
    nowhere,  // no other store of the pool has it
  };

  ShardSearch(const transfer::StoreSet& stores, registry::PackIndex& registry) : stores_(stores), registry_(registry) {}

  // Lists the online stores, for at most Timeouts::search, and records in the registry which of the
  // shards they hold. Skips shards that were searched for less than 30 s ago. Returns whether
  // stores were asked. Throws Error{cancelled} or Error{timed_out} as `call` says, and any error of
  // the registry.
  bool run(const std::set<Wanted>& wanted, const CallOptions& call);

  // What is known from earlier calls of run(). Asks no store.
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
