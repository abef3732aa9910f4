#pragma once
// What the maintenance key reads of a pool: the structures of all manifests that stores list.

#include <cstdint>
#include <map>
#include <set>

#include "modelfloat/domain/object_name.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/engine/upkeep/grouped_doubts.h"
#include "modelfloat/engine/upkeep/repair_context.h"
#include "modelfloat/mf1/maintenance_key.h"
#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {

struct Structures {
  std::map<PackId, Pack> packs;
  // The structure objects that were opened, and all documents that they name. A content root is not
  // among them: no structure names it.
  std::set<ObjectName> documents;
  // A document that counted as durable was on more failure domains than this: the largest promise
  // and the largest m of all packs.
  unsigned may_be_lost = 0;
};

// Reads each structure object that the stores list, once, and opens it. The objects are kept in the
// registry, and copies that do not fit their names are recorded there as damaged. What cannot be
// read or opened, or belongs to another pool, is left out and goes to `doubts`. It cannot be told
// which models were removed: their structures count as long as a store has them. Throws
// Error{cancelled} and Error{timed_out} as `call` says.
Structures read_structures(const RepairContext& context, const transfer::Inventory& inventory,
                           const mf1::MaintenanceKey& key, GroupedDoubts& doubts, const CallOptions& call);

// Returns a sink that records damaged copies of documents in the registry, from where
// repair_documents() knows them. The context outlives it.
transfer::FindingSink records_damaged_documents(const RepairContext& context);

// The objects of these types that stores list, except those in `but`, each with the stores that
// list it.
std::vector<transfer::ListedObject> listed_objects(const transfer::Inventory& inventory,
                                                   const std::set<ObjectType>& types,
                                                   const std::set<ObjectName>& but = {});

}  // namespace modelfloat::engine
