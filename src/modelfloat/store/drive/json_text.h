#pragma once
// Fields of Google's answers, which may lack anything.

#include <string>

#include <nlohmann/json.hpp>

namespace modelfloat::store::drive {

// The text of this name; empty when there is none.
inline std::string text(const nlohmann::json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace modelfloat::store::drive
