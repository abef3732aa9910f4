#pragma once
// Takes stores out of the pool.

#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct StoreRemovalOptions {
  // Removes the stores also when packs keep their promise no more then, as long as all models can be
  // read.
  bool force = false;
};
struct StoreRemoval {
  // Models that lose shards by this, and now survive fewer lost stores than promised.
  std::vector<std::string> models_at_risk;
  // False when too few stores are online for every machine to learn of the removal now, or when too
  // few were read to know all models.
  bool durable = false;
};
// Removes stores from the pool; their objects stay on them. Lists all stores first, to see what
// needs the leaving ones. Documents that the staying stores lack are copied there. Removes nothing
// and throws Error{invalid} when a model would become unreadable, or unless forced, when a pack that
// loses shards would survive fewer lost failure domains than was promised: drain_store() before, or
// repair() for a store that is gone. Removes nothing and throws Error{offline} when that cannot be decided because other stores cannot be listed: they may have
// the missing shards, or more models. Stores that are gone for good must therefore be removed
// together. Throws Error{not_found} for an unknown name.
StoreRemoval remove_stores(Pool& pool, const std::vector<std::string>& names, const StoreRemovalOptions& options,
                           const CallOptions& call);

}  // namespace modelfloat::engine
