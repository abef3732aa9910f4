#pragma once
// Updates the registry's list of models and stores from the log of the pool.

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Updates revisions, tags and stores in the registry from the log records in it. Adds stores that
// other machines added, and removes those that they removed. Of a known store, the name, the
// failure domain, the capacity and the use follow the log; its address is this machine's own. Names
// are those of shown_store_names(). Skips manifests that cannot be read now. Only catch_up() calls
// this.
void update_catalogue(Pool& pool, const CallOptions& call);

}  // namespace modelfloat::engine
