#pragma once
// What would become of the models if stores were gone.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct PlanReport {
  std::vector<std::string> lost;  // models that could not be read, in order
  struct AtRisk {
    std::string name;
    unsigned domains_may_go = 0;  // how many more failure domains
  };
  // Models that could be read, and would survive the loss of fewer failure domains than was
  // promised; in order.
  std::vector<AtRisk> at_risk;
  // What repair() would write then, and how long that takes at the speeds that were measured, with
  // all stores at work; nullopt when too little was measured.
  std::uint64_t bytes_to_copy = 0;
  std::optional<double> copy_seconds;
  // How long the largest model takes to come back into memory from the stores that are left. The
  // start of the inference engine comes on top. nullopt as above, and without a model.
  std::optional<double> first_token_seconds;
  std::vector<std::string> doubts;  // in whole sentences
};

// Plans for the loss of these stores, by name, and of all that are offline now. Reads lists and
// manifests, and writes nothing. Throws Error{not_found} for an unknown store, and as survey_pool()
// does.
PlanReport plan_without(Pool& pool, const std::vector<std::string>& stores, const CallOptions& call);

}  // namespace modelfloat::engine
