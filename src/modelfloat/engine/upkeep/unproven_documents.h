#pragma once
// Documents that the maintenance key cannot open: the log, checkpoints and their parts, key slots,
// content roots.

#include <set>
#include <string>

#include "modelfloat/domain/object_name.h"
#include "modelfloat/engine/upkeep/grouped_doubts.h"
#include "modelfloat/engine/upkeep/repair_context.h"
#include "modelfloat/engine/upkeep/structures.h"
#include "modelfloat/mf1/maintenance_key.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

// Which of these documents may be written to stores that lack them.
//
// Without the keys of the log nobody can tell a record from bytes that somebody has put on a store
// under the pool's tag. Such bytes are harmless where they lie (docs/formats/mf1.md, section 9.7:
// junk), and would make the pool read-only for all if they were copied to other stores. So an
// object is copied only when it would not count as junk any more: when the failure domains that
// list it, and those of which not every store gave a complete list, are together more than
// `structures.may_be_lost`. What was once durable and has lost no more than that passes. Where
// there is no structure to know this number from, nothing is copied.
class UnprovenDocuments {
 public:
  // `unread_domains`: of stores that belong to the pool and are not in the inventory.
  UnprovenDocuments(const RepairContext& context, const transfer::Inventory& inventory, const Structures& structures,
                    std::set<std::string> unread_domains);

  // Returns those that may be copied, and that some store lacks; with `all`, also those that no
  // store lacks. Each of them is read from one store, fits its name, and carries the tag of the
  // pool; it is kept in the registry. The others go to `doubts`. Throws Error{cancelled} and
  // Error{timed_out} as `call` says.
  std::set<ObjectName> choose(const mf1::MaintenanceKey& key, bool all, GroupedDoubts& doubts,
                              const CallOptions& call) const;

 private:
  bool is_lacking(const transfer::ListedObject& object) const;
  bool is_junk_by_places(const transfer::ListedObject& object) const;

  const RepairContext& context_;
  const transfer::Inventory& inventory_;
  const Structures& structures_;
  std::set<std::string> unread_domains_;
};

}  // namespace modelfloat::engine
