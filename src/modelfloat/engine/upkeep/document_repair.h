#pragma once
// Brings documents back to every store: parts of manifests, the log, key slots.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/engine/upkeep/repair_context.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

struct DocumentRepair {
  std::uint64_t written = 0;
  std::uint64_t bytes_written = 0;
  // By the name of the store: how many documents it did not take. They are queued for it in the registry.
  std::map<std::string, std::uint64_t> not_taken;
  // Documents that no store can give, in whole sentences.
  std::vector<std::string> doubts;
};

// Puts each of the documents to the stores that were listed and lack it, or whose copy was read and
// found damaged (DocumentCache::damaged_documents()). With `dry_run` only counts. Throws
// Error{cancelled} and Error{timed_out} as `call` says.
DocumentRepair repair_documents(const RepairContext& context, const transfer::Inventory& inventory,
                                const std::set<ObjectName>& documents, bool dry_run, const CallOptions& call);

}  // namespace modelfloat::engine
