#pragma once
// Fields of Google's answers, which may lack anything.

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace modelfloat::store::drive {

// The text of this name; empty when there is none.
std::string text(const nlohmann::json& object, const char* name);

}  // namespace modelfloat::store::drive
