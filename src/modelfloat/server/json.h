#pragma once
// JSON at the edge of the server.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

constexpr std::size_t k_max_json_bytes = std::size_t{1} << 20;
constexpr std::size_t k_max_json_depth = 64;

// Reads the body of the request: a JSON object that has no members besides `known`. Throws
// HttpError:
// - 415 for another content type, or a character set other than UTF-8;
// - 413 for more than k_max_json_bytes;
// - 400 for invalid JSON, a duplicate name, nesting deeper than k_max_json_depth, a value that is
//   not an object, or an unknown member.
nlohmann::json read_json_object(Request& request, std::span<const std::string_view> known);
nlohmann::json read_json_object(Request& request, std::initializer_list<std::string_view> known);

// Names that a client sent, quoted for messages: "`a`", or "`a`, `b`". Long names are shortened.
std::string in_quotes(std::string_view name);
std::string list_in_quotes(std::span<const std::string_view> names);
std::string list_in_quotes(std::initializer_list<std::string_view> names);

// Seconds of Unix time, as RFC 3339.
nlohmann::json time_json(std::uint64_t unix_seconds);
nlohmann::json time_or_null(const std::optional<std::uint64_t>& unix_seconds);
nlohmann::json number_or_null(const std::optional<unsigned>& number);

// The value as JSON text. Bytes that are not UTF-8 are replaced, so it does not throw for them.
std::string to_text(const nlohmann::json& value);
// A JSON string with its quotes.
std::string json_string(std::string_view text);

void send_json(Response& response, int status, const nlohmann::json& value);

// {"error": {"code": ..., "message": ...}}
std::string error_json(std::string_view code, std::string_view message);

}  // namespace modelfloat::server
