#pragma once
// Chooses the redundancy of a push, and the stores that it uploads to.

#include <optional>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/packs/candidates.h"
#include "modelfloat/transfer/packs/upload.h"

namespace modelfloat::engine {

struct PushPlan {
  Pool::Promise promise;
  transfer::Targets targets;
};

// Reads the log from all stores. If too few answer, rechecks all stores and reads it again.
// Throws Error{offline} when too few answer still: without a fresh log nothing can be committed.
Freshness read_fresh_log(Pool& pool, const CallOptions& call);

// Uploads queued documents, reads the log, asks the stores for their free space, and chooses the
// redundancy. `asked` replaces the redundancy of the pool's policy. If the online stores are too
// few, rechecks all stores, and waits for needed stores that asked for a pause
// (transfer/stores/needed_wait.h). Throws Error{invalid} when the pool has no store, and as
// read_fresh_log() and plan_again() do.
PushPlan plan_push(Pool& pool, std::optional<Redundancy> asked, const CallOptions& call);

// Returns the redundancy for the remaining stores after some failed during the push. A valid
// placement exists for it, and it keeps the same promise. If there is none, throws an Error that
// says what is missing, and which stores failed and why. Its kind tells what would help: `offline`
// when the offline stores would be enough, `denied` when the stores that refuse access would be,
// else `out_of_space`.
Redundancy plan_again(const Pool& pool, std::optional<Redundancy> asked, const transfer::StoresLeft& left);

}  // namespace modelfloat::engine
