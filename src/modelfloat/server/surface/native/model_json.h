#pragma once
// Models as JSON, in the REST API and in the command line's --json alike. Times are RFC 3339.

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/engine/catalogue/catalogue.h"

namespace modelfloat::server {

nlohmann::ordered_json to_json(const engine::ModelSummary&);
nlohmann::ordered_json to_json(const engine::RevisionSummary&);
nlohmann::ordered_json to_json(const FileEntry&);

}  // namespace modelfloat::server
