#pragma once
// Fields of a peer's JSON, which may be missing or of another kind than they should be.

#include <nlohmann/json_fwd.hpp>

namespace modelfloat::store {

// Whether the field is there and true.
bool is_set(const nlohmann::json& object, const char* name);

}  // namespace modelfloat::store
