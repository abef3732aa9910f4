#pragma once
// Reads fields of JSON from the server, where a field may be missing or of the wrong type.

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace modelfloat::store::mega {

// The text in this field; empty when there is none.
std::string text_in(const nlohmann::json& object, const char* name);

// The number in this field; 0 when there is none or it is negative.
std::uint64_t number_in(const nlohmann::json& object, const char* name);

}  // namespace modelfloat::store::mega
