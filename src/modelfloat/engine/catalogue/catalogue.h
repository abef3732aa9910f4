#pragma once
// Keeps the registry's list of models and stores up to date with the log of the pool.

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Writes into the registry what its log says: revisions and tags for listings. Manifests that
// cannot be read now are left out. Stores that other machines added join, those that they took out
// leave. catch_up() alone calls it.
void update_catalogue(Pool& pool, const CallOptions& call);

}  // namespace modelfloat::engine
