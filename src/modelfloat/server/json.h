#pragma once
// JSON at the edge of the server.

#include <initializer_list>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

constexpr std::size_t k_max_json_bytes = std::size_t{1} << 20;
constexpr std::size_t k_max_json_depth = 64;

// The body of the request, an object with no other members than `known`. Throws HttpError: 415 for
// another content type or a character set other than UTF-8, 413 for more than k_max_json_bytes, 400
// for what is no JSON, has a name twice, is nested deeper than k_max_json_depth, is no object, or
// has a member that is not known.
nlohmann::json read_json_object(Request& request, std::initializer_list<std::string_view> known);

// A name that a client sent, or several, for messages: "`a`", "`a`, `b`". Long ones are cut.
std::string in_quotes(std::string_view name);
std::string list_in_quotes(std::initializer_list<std::string_view> names);

// Never throws for bytes that are not UTF-8: they are replaced.
std::string to_text(const nlohmann::json& value);
// A JSON string with its quotes.
std::string json_string(std::string_view text);

void send_json(Response& response, int status, const nlohmann::json& value);

// {"error": {"code": ..., "message": ...}}
std::string error_json(std::string_view code, std::string_view message);

}  // namespace modelfloat::server
