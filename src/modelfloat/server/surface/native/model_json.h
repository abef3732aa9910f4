#pragma once
// Models as JSON, in the REST API and in the command line's --json alike. Times are RFC 3339.

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/engine/catalogue/model_health.h"
#include "modelfloat/engine/catalogue/model_list.h"

namespace modelfloat::server {

nlohmann::ordered_json to_json(const engine::ModelSummary&, const engine::ModelHealth&);
nlohmann::ordered_json to_json(const engine::RevisionSummary&);
nlohmann::ordered_json to_json(const FileEntry&);

}  // namespace modelfloat::server
