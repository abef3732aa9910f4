#pragma once
// The health of a pack, computed from where the registry says that its shards are. Reads no store.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Ordered from good to bad. The health of a model is that of its worst pack.
enum class Health {
  sound,  // every shard is on a store that is online, and the promise is kept
  // Readable, but with less redundancy than promised: shards are missing or offline, or too many of
  // them lie in one failure domain.
  degraded,
  // This machine cannot tell now: the manifest cannot be read, or it is unknown where some shards
  // are.
  unknown,
  offline,  // not readable now; with the shards that offline stores have, or may have, it would be
  lost,     // all stores that may have shards were asked, and too few shards are left
};
std::string_view to_string(Health) noexcept;
inline Health worse(Health a, Health b) noexcept { return a < b ? b : a; }

// Whether to search the stores for shards whose location is unknown. The search lists stores for at
// most Timeouts::search, and happens only when there are such shards.
enum class AskStores { no, yes };

// One shard and the stores of the pool that hold it.
struct ShardLocations {
  std::size_t index = 0;
  Hash256 object{};  // its name
  std::vector<const transfer::PoolStore*> online;
  std::vector<const transfer::PoolStore*> offline;
  // Their copy was found to be wrong, by a read or by verify.
  std::vector<const transfer::PoolStore*> corrupt;
  std::vector<const transfer::PoolStore*> missing;  // it should be there and is not
  // When that of its whole copies was proven right for which it is longest ago, in seconds of Unix
  // time; 0: one never was. nullopt: there is no whole copy.
  std::optional<std::uint64_t> oldest_proof = {};
  // Only if all four lists are empty: what a search found out about the shard.
  ShardSearch::Verdict elsewhere = ShardSearch::Verdict::nowhere;
};

// Returns the locations of shards 0 .. k+m-1, followed by those of parity shards that were added
// later, if the registry knows any. With k = 1 all shards are copies of one object; each copy
// counts as one shard.
std::vector<ShardLocations> shard_locations(Pool& pool, const Pack& pack);
std::vector<ShardLocations> shard_locations(Pool& pool, const registry::LocatedPack& located);

// The numbers of the shards of one pack, by whether they can be read. A shard that is in no set is
// missing or corrupt.
struct ShardNumbers {
  std::set<std::size_t> present;  // can be read now
  std::set<std::size_t> away;     // on an offline store, or may be on one
  std::set<std::size_t> unknown;  // not searched for yet
};
// Parity shards that were added later count when it is decided whether a pack is readable, but not
// for whether its promise is kept.
Health pack_health(const std::vector<ShardLocations>& shards, const Pack& pack);
Health pack_health(const ShardNumbers& numbers, const Pack& pack);

// The indexes of `holders`, those first that have the fewest stores: they can be chosen least.
std::vector<std::size_t> fewest_holders_first(const std::vector<std::vector<const transfer::PoolStore*>>& holders);

// How many failure domains may be lost, whichever they are, so that the pack can still be read;
// nullopt when it cannot be read. `holders`: of each shard, the stores that have it; with k = 1, of
// each copy.
std::optional<unsigned> domains_may_go(const std::vector<std::vector<const transfer::PoolStore*>>& holders,
                                       const Pack& pack);
// Of shard_locations(): copies on offline stores do not count.
std::optional<unsigned> domains_may_go(const std::vector<ShardLocations>& shards, const Pack& pack);
// The same for a document that is whole on stores of these domains.
std::optional<unsigned> domains_may_go(const std::set<std::string>& domains);
// Whether the pack survives the loss of any pack.survive failure domains.
bool keeps_promise(const std::vector<std::vector<const transfer::PoolStore*>>& holders, const Pack& pack);

// Returns the shards to search for before more can be said of the pack: those whose location is
// unknown; if the pack seems lost, also all that no store is known to have.
std::vector<ShardSearch::Wanted> shards_to_look_for(const std::vector<ShardLocations>& shards, const Pack& pack);

}  // namespace modelfloat::engine
