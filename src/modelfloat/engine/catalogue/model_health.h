#pragma once
// The health of models, computed from where the registry says that their shards are.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct ModelHealth {
  Health health = Health::unknown;  // that of its worst pack
  std::uint64_t stores = 0;         // that hold a part of it
  // How many failure domains may still be lost, whichever they are, so that it can be read from the
  // stores that are online now; nullopt when it cannot be read, or is not known.
  std::optional<unsigned> domains_may_go = {};
  // Every copy of its shards was proven right at this time (seconds of Unix time) or later; nullopt
  // when some never were.
  std::optional<std::uint64_t> oldest_proof = {};
};

// Returns the health of each summary's revision, in the order of `models`. First waits until it is
// known which stores are online. With AskStores::yes, searches the stores for shards whose location
// is unknown, in one search for all models. A model whose manifest cannot be read gets
// Health::unknown, and a warning says why. Throws Error{cancelled} or Error{timed_out} as `call`
// says. May be called from any thread.
std::vector<ModelHealth> health_of_models(Pool& pool, std::span<const ModelSummary> models, AskStores ask,
                                          const CallOptions& call);
// The health of one manifest by what the registry knows now. Waits for no store.
ModelHealth health_of_manifest(Pool& pool, const ManifestId& manifest, const CallOptions& call);
// The worse of two, in each respect.
ModelHealth worse(const ModelHealth&, const ModelHealth&);
ModelHealth health_of_model(Pool& pool, const ModelSummary& model, AskStores ask, const CallOptions& call);

}  // namespace modelfloat::engine
