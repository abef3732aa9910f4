#pragma once
// What a push promises, and which stores keep it.

#include <optional>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/packs/candidates.h"
#include "modelfloat/transfer/packs/upload.h"

namespace modelfloat::engine {

struct PushPlan {
  Pool::Promise promise;
  transfer::Targets targets;
};

// Reads the log, and looks once more at the stores that are away when too few answer. Throws
// Error{offline} when too few still do: without a fresh log nothing can be committed.
Freshness read_fresh_log(Pool& pool, const CallOptions& call);

// Puts metadata that is queued, reads the log, asks the stores for their room, and chooses the
// redundancy. `asked` is what the user wants instead of the pool's. Looks again at stores that are
// away when those at hand are too few. Waits for stores that asked for a moment where they are
// needed (transfer/needed_wait.h). Throws as read_fresh_log() and plan_again() do, and
// Error{invalid} when the pool has no store.
PushPlan plan_push(Pool& pool, std::optional<Redundancy> asked, const CallOptions& call);

// The redundancy for the stores that are left, when some failed during the push. A placement for it
// is valid, and the promise is the same. When there is none the Error says what is missing and
// which stores failed, each with its reason. Its kind says what would help: offline when the push
// could go on with the stores that are away, denied when it could with those that refuse, else
// out_of_space.
Redundancy plan_again(const Pool& pool, std::optional<Redundancy> asked, const transfer::StoresLeft& left);

}  // namespace modelfloat::engine
