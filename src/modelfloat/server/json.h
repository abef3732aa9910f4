#pragma once
// JSON at the edge of the server.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/server/http.h"

namespace modelfloat::server {

constexpr std::size_t k_max_json_bytes = std::size_t{1} << 20;
constexpr std::size_t k_max_json_depth = 64;

// The body of the request, an object. Throws HttpError: 415 for another content type, 413 for more than
// k_max_json_bytes, 400 for what is no JSON, is nested deeper than k_max_json_depth, or is no object.
nlohmann::json read_json_object(Request& request);

// Never throws for bytes that are not UTF-8: they are replaced.
std::string to_text(const nlohmann::json& value);
// A JSON string with its quotes.
std::string json_string(std::string_view text);

void send_json(Response& response, int status, const nlohmann::json& value);

// {"error": {"code": ..., "message": ...}}
std::string error_json(std::string_view code, std::string_view message);

}  // namespace modelfloat::server
