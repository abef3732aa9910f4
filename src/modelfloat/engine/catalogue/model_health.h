#pragma once
// How well models stand, by where the registry believes their shards to lie.

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

// Of the revisions that these summaries tell of, in their order. Waits until it is known which
// stores are online. With AskStores::yes, shards of which nothing is known are looked for on the
// stores, those of all models at once. A model whose manifest cannot be read is `unknown`, and a
// warning says why. May be called from many threads. Throws what `call` says.
std::vector<ModelHealth> health_of_models(Pool& pool, std::span<const ModelSummary> models, AskStores ask,
                                          const CallOptions& call);
ModelHealth health_of_model(Pool& pool, const ModelSummary& model, AskStores ask, const CallOptions& call);

}  // namespace modelfloat::engine
