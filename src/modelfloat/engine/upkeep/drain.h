#pragma once
// Brings what a store has to the other stores, so that it can be taken out of the pool.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct DrainOptions {
  std::uint64_t budget_bytes = UINT64_MAX;  // as for repair()
  bool dry_run = false;                     // only counts; the store stays in use
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

struct DrainReport {
  std::uint64_t shards_moved = 0;
  std::uint64_t bytes_moved = 0;
  std::uint64_t left = 0;  // shards that other stores lack still
  // Packs that would not keep their promise without the store, though all that it has is elsewhere.
  std::uint64_t packs_below_promise = 0;
  std::vector<std::string> doubts;  // what was not looked at, and what cannot be read, in whole sentences
};

// Marks the store as draining in the log, so that no machine puts new shards on it, and copies each
// shard that only it has to another store, so that every pack keeps its promise without it. What
// the store has stays there: `store rm` takes it out. A shard that it does not give any more is
// made anew from the others. When the job ends early, what it did counts; call it again. Throws
// Error{not_found} for an unknown name, and as repair() and PoolLog::append_if_possible() do.
DrainReport drain_store(Pool& pool, const std::string& name, const DrainOptions& options, const CallOptions& call);

// Marks a draining store as in use again. Copies that were made stay. Throws Error{not_found} for
// an unknown name, Error{invalid} when the store is not draining.
void cancel_drain(Pool& pool, const std::string& name, const CallOptions& call);

}  // namespace modelfloat::engine
