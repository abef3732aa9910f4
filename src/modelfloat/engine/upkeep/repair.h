#pragma once
// Brings models back to the redundancy that was promised, and documents back to every store.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct RepairOptions {
  std::optional<std::string> model = {};  // only this one
  // Begins with no further pack when this many bytes were read, written and read back together.
  std::uint64_t budget_bytes = UINT64_MAX;
  bool dry_run = false;  // only counts what it would do
  // Stores that will be back if they are offline: of what they had whole, nothing is made again.
  std::set<StoreId> awaited = {};
  // Stores that do not count: what only they have is copied to others.
  std::set<StoreId> leaving = {};
  // Called on the calling thread: bytes that were written, of those that are to be.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

// A file that cannot be read any more, because too few shards of one of its packs are left.
struct Unrepairable {
  std::string model;
  std::string file;
  PackId pack{};
  auto operator<=>(const Unrepairable&) const = default;
};

struct RepairReport {
  std::uint64_t packs_checked = 0;
  std::uint64_t packs_repaired = 0;  // that have all their shards again
  std::uint64_t shards_written = 0;
  std::uint64_t documents_written = 0;
  std::uint64_t bytes_read = 0;  // of the shards that others were made from
  std::uint64_t bytes_written = 0;
  std::vector<Unrepairable> unrepairable;  // in order
  bool is_lost = false;                    // some of them even when all stores are back
  // Packs that do not keep their promise yet, and why some do not, in whole sentences.
  std::uint64_t packs_below_promise = 0;
  std::uint64_t packs_beyond_budget = 0;  // of them
  std::uint64_t shards_left = 0;          // that should have been written and were not, or do not come back
  std::vector<std::string> doubts;
};

// Writes every shard and document again that should be on the stores and is not, or whose copy is
// damaged. Nothing is removed or moved, and what is there already is only read. A store that is
// offline is taken for gone, unless it is awaited; the copies that it has are extra ones when it is
// back. Begins with
// the packs that can lose the fewest failure domains. What was written is read back, unless the
// store has confirmed its checksum.
//
// A pack whose promise cannot be kept with the stores at hand gets its shards all the same, spread
// as well as can be, and counts as below its promise. When the job ends early, what it did counts;
// call it again. Throws Error{not_found} for a model that there is not, Error{offline} when no
// store answers, and Error{cancelled} or Error{timed_out} as `call` says.
RepairReport repair(Pool& pool, const RepairOptions& options, const CallOptions& call);

}  // namespace modelfloat::engine
