#pragma once
// What the jobs of upkeep report, as JSON: in the REST API and in the command line's --json alike.

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/drill.h"
#include "modelfloat/engine/upkeep/plan.h"
#include "modelfloat/engine/upkeep/rebalance.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat::server {

nlohmann::ordered_json to_json(const engine::VerifyReport&);
nlohmann::ordered_json to_json(const engine::RepairReport&);
nlohmann::ordered_json to_json(const engine::DrainReport&);
nlohmann::ordered_json to_json(const engine::RebalanceReport&);
nlohmann::ordered_json to_json(const engine::PlanReport&);
nlohmann::ordered_json to_json(const engine::DrillReport&);

}  // namespace modelfloat::server
