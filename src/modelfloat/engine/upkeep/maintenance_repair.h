#pragma once
// Repairs a pool with its maintenance key alone, in a home that has no pool.

#include <cstdint>
#include <string>
#include <vector>

#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/mf1/maintenance_key.h"

namespace modelfloat::engine {

// A store of the pool, as the user gives it.
struct MaintenanceStore {
  std::string url;
  std::string domain;                // its failure domain
  std::uint64_t capacity_bytes = 0;  // 0: not limited
};

struct MaintenanceOptions {
  RepairOptions repair = {};  // without `model` and `leaving`
  // First reads every copy of what the structures name, and of the log, so that copies that do not
  // fit their names are replaced, too.
  bool read = false;
  transfer::Timeouts timeouts = {};
};

// Does for the pool of the key what repair() does, from what its structures say: packs get back the
// shards that they promise, and every given store gets every document. The registry in
// `environment` is empty, and worth nothing afterwards. What is no object of this pool, or may not
// be one (unproven_documents.h), is not copied and is in a doubt, as is a given store that has no
// marker of this pool: it is left out. Removes nothing, and replaces only copies that do not fit
// their names. In Unrepairable, `model` and `file` are empty.
//
// What only the log says is not known here: which models were removed (they are repaired as well),
// which other stores there are (those that are not given are taken for gone), and which of them
// are draining. Throws Error{denied} when the stores have the markers of other pools, Error{offline}
// when none has the marker of this one or can be listed, and Error{cancelled} or Error{timed_out} as
// `call` says.
RepairReport repair_with_maintenance_key(const Environment& environment, const mf1::MaintenanceKey& key,
                                         const std::vector<MaintenanceStore>& stores, const StoreMaker& make_store,
                                         const MaintenanceOptions& options, const CallOptions& call);

}  // namespace modelfloat::engine
