#pragma once
// Reads fields of Google's answers, in which any field may be missing.

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace modelfloat::store::drive {

// The text in this field; empty when there is none.
std::string text(const nlohmann::json& object, const char* name);

}  // namespace modelfloat::store::drive
