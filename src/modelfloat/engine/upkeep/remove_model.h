#pragma once
// Takes a model out of the pool.

#include <string>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Takes the model with all its revisions out of the pool. Nothing is collected here. False when too
// few stores are there to be sure that every machine learns of it: the rest get it when they are
// back. False, too, when the log was read on too few stores to know all revisions: those that are
// not known stay. Error{not_found}; Error{offline}, and nothing is done, when no store lets its log
// be read.
bool remove_model(Pool& pool, const std::string& model, const CallOptions& call);

}  // namespace modelfloat::engine
