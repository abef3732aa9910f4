#pragma once
// Reads fields of JSON from a server, where a field may be missing or of the wrong type.

#include <nlohmann/json_fwd.hpp>

namespace modelfloat::store {

// Whether the field is there and true.
bool is_set(const nlohmann::json& object, const char* name);

}  // namespace modelfloat::store
