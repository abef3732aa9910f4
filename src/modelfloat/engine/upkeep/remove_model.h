#pragma once
// Takes a model out of the pool.

#include <string>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Removes the model and all its revisions from the pool. The packs stay on the stores. Returns
// whether the removal is complete and durable. It is not durable when too few stores are online;
// the others get the record when they are back. It is not complete when too few stores gave their
// log: revisions that are known only there stay. Throws Error{not_found} when there is no such
// model. Throws Error{offline}, and removes nothing, when no store could be read, or when too few
// could to know whether the model exists.
bool remove_model(Pool& pool, const std::string& model, const CallOptions& call);

}  // namespace modelfloat::engine
