#pragma once
// Checks that all objects of the pool are on the stores and undamaged.

#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/finding.h"

namespace modelfloat::engine {

struct VerifiedModel {
  std::string name;
  Health health = Health::unknown;
};
struct VerifyReport {
  std::vector<transfer::Finding> damaged;  // in order, each once
  std::vector<VerifiedModel> models;
  // What may be missing from the log, in whole sentences: stores where it could not be read, and
  // missing records.
  std::vector<std::string> doubts;
  std::uint64_t bytes_read = 0;
  bool sound() const noexcept { return damaged.empty() && doubts.empty(); }
  bool readable() const noexcept;  // no model is lost, offline or unknown
};

// Compares what the manifests name with what the stores list. With `read`, also reads every object
// and checks it against its name, and every file against its SHA-256; a model with a wrong file is
// reported as lost. Results are recorded in the registry: a corrupt copy counts as damaged
// everywhere until it is read without error or uploaded again, and repair() uploads it again. `model`: checks this one
// only. `progress` receives each finding.
VerifyReport verify(Pool& pool, const std::optional<std::string>& model, bool read,
                    const transfer::FindingSink& progress, const CallOptions& call);

}  // namespace modelfloat::engine
