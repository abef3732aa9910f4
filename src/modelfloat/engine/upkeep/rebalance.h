#pragma once
// Spreads what the pool has over all of its stores, for example onto one that was just added.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct RebalanceOptions {
  // Begins with no further shard when this many bytes were read, written and read back together.
  std::uint64_t budget_bytes = UINT64_MAX;
  bool dry_run = false;  // only counts what it would do
  // Called on the calling thread: bytes that were written, of those that are to be.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

struct RebalanceReport {
  std::uint64_t shards_moved = 0;
  std::uint64_t bytes_moved = 0;
  std::uint64_t shards_left = 0;  // that should have been moved, and were not
  // What was not looked at, or could not be moved, and why, in whole sentences.
  std::vector<std::string> doubts;
};

// Copies shards from the stores that are fullest, for their size, to those that are emptiest, until
// no copy brings them closer. The shards of a pack that do not keep its promise now are left alone:
// repair() is for those. Every pack keeps its promise, whatever is copied and whenever the job ends:
// nothing is removed. The old copies count no more here, and stay until they are collected.
// Shards are copied first from stores of which reading is cheap. When the job ends early, what it
// did counts; call it again. Throws as repair() does.
RebalanceReport rebalance(Pool& pool, const RebalanceOptions& options, const CallOptions& call);

}  // namespace modelfloat::engine
