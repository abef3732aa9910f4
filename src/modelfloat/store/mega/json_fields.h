#pragma once
// Fields of a peer's JSON, which may be missing or of another kind than they should be.

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace modelfloat::store::mega {

// Text, or nothing.
std::string text_in(const nlohmann::json& object, const char* name);

// A number that is not negative, or 0.
std::uint64_t number_in(const nlohmann::json& object, const char* name);

}  // namespace modelfloat::store::mega
