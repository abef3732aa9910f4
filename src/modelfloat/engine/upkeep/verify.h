#pragma once
// Checks that all objects of the pool are on the stores and undamaged.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/finding.h"

namespace modelfloat::engine {

struct VerifyOptions {
  std::optional<std::string> model = {};  // only this one
  // Reads every object, and compares every file with its SHA-256.
  bool read = false;
  // Without `read`: reads this share of the bytes (0 to 100), those first that were proven right
  // longest ago or never.
  std::optional<double> sample_percent = {};
  // Of a sample, leaves out what was proven right at this time (seconds of Unix time) or later.
  std::uint64_t unproven_since = UINT64_MAX;
  std::uint64_t budget_bytes = UINT64_MAX;  // a sample is not larger than this
  transfer::FindingSink on_finding = {};    // receives each finding
  // Called for bytes that were read, of those that are to be; on any thread, one call at a time.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

struct VerifiedModel {
  std::string name;
  Health health = Health::unknown;
  // As ModelHealth has them, of the worst of the model's revisions.
  std::optional<unsigned> domains_may_go = {};
  std::optional<std::uint64_t> oldest_proof = {};
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

// Compares what the manifests name with what the stores list, and checksums that stores list with
// those that they listed when the bytes were right. With `read` or `sample_percent`, also reads
// objects and checks them against their names; with `read`, also every file against its SHA-256: a
// model with a wrong file is reported as lost. Results are recorded in the registry: a corrupt copy
// counts as damaged everywhere until it is read without error or uploaded again, and repair()
// uploads it again; copies that are right have a proof then (registry::CopyProof). Throws
// Error{not_found} for a model that there is not.
VerifyReport verify(Pool& pool, const VerifyOptions& options, const CallOptions& call);

}  // namespace modelfloat::engine
