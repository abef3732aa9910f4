#pragma once
// Is everything still there, and is it right?

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
  // What is not known of the log, in whole sentences: stores where it could not be read, records
  // that are missing.
  std::vector<std::string> doubts;
  std::uint64_t bytes_read = 0;
  bool sound() const noexcept { return damaged.empty() && doubts.empty(); }
  bool readable() const noexcept;  // no model is lost, offline or unknown
};

// Compares what the manifests name with what the stores list; with `read`, reads every object and
// checks it by its name, and every file by its SHA-256: a model with a file that is another is
// lost. What is found of shards is remembered in the registry: until it is read and whole, or put
// again, a corrupt copy counts as damaged, here and everywhere. `model`: only this one.
VerifyReport verify(Pool& pool, const std::optional<std::string>& model, bool read,
                    const transfer::FindingSink& progress, const CallOptions& call);

}  // namespace modelfloat::engine
