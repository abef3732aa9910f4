#pragma once
// The health of models, computed from where the registry says that their shards are.

#include <cstdint>
#include <span>
#include <vector>

#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct ModelHealth {
  Health health = Health::unknown;  // that of its worst pack
  std::uint64_t stores = 0;         // that hold a part of it
};

// Returns the health of each summary's revision, in the order of `models`. First waits until it is
// known which stores are online. With AskStores::yes, searches the stores for shards whose location
// is unknown, in one search for all models. A model whose manifest cannot be read gets
// Health::unknown, and a warning says why. Throws Error{cancelled} or Error{timed_out} as `call`
// says. May be called from any thread.
std::vector<ModelHealth> health_of_models(Pool& pool, std::span<const ModelSummary> models, AskStores ask,
                                          const CallOptions& call);
ModelHealth health_of_model(Pool& pool, const ModelSummary& model, AskStores ask, const CallOptions& call);

}  // namespace modelfloat::engine
