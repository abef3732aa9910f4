#pragma once
// Brings documents back to every store: parts of manifests, the log, key slots.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

struct DocumentRepair {
  std::uint64_t written = 0;
  std::uint64_t bytes_written = 0;
  // Documents that no store can give, and stores that did not take some, in whole sentences.
  std::vector<std::string> doubts;
};

// Puts each of the documents to the stores that were listed and lack it, or whose copy was read and
// found damaged (DocumentCache::damaged_documents()). With `dry_run` only counts. Throws
// Error{cancelled} and Error{timed_out} as `call` says.
DocumentRepair repair_documents(Pool& pool, const transfer::Inventory& inventory, const std::set<ObjectName>& documents,
                                bool dry_run, const CallOptions& call);

}  // namespace modelfloat::engine
