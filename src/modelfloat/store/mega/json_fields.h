#pragma once
// Fields of a peer's JSON, which may be missing or of another kind than they should be. For .cpp files only: JSON is slow to compile.

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace modelfloat::store::mega {

// Text, or nothing.
inline std::string text_in(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// A number that is not negative, or 0.
inline std::uint64_t number_in(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return 0;
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

}  // namespace modelfloat::store::mega
