#include "modelfloat/server/json.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/clock.h"

namespace modelfloat::server {
namespace {

constexpr std::string_view k_json_type = "application/json";

// JSON is UTF-8 (RFC 8259); a parameter that says so is harmless.
bool is_json(std::string_view content_type) {
  const auto semicolon = std::min(content_type.find(';'), content_type.size());
  if (!equal_ignoring_case(trimmed(content_type.substr(0, semicolon)), k_json_type)) return false;
  const auto parameter = lower_case(trimmed(content_type.substr(semicolon), "; \t"));
  return parameter.empty() || parameter == "charset=utf-8" || parameter == "charset=\"utf-8\"";
}

std::string read_text(Request& request) {
  const auto too_large = [] { return HttpError(413, "too_large", "a JSON body has at most 1 MiB"); };
  if (request.content_length.value_or(0) > k_max_json_bytes) throw too_large();
  std::string text;
  std::array<std::byte, 16384> buffer;
  while (const auto count = request.body->read(buffer)) {
    if (text.size() + count > k_max_json_bytes) throw too_large();
    text += as_text(ByteSpan(buffer).first(count));
  }
  return text;
}

// Watches the parser, and refuses JSON that another parser could understand differently, or that
// would need much memory.
class JsonRules {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > static_cast<int>(k_max_json_depth))
      throw HttpError(400, "invalid_json", "the JSON is nested too deeply");
    if (event == Event::object_start) names_.emplace_back();
    if (event == Event::object_end) names_.pop_back();
    if (event == Event::key && !names_.back().insert(value.get<std::string>()).second) {
      throw HttpError(400, "invalid_json", "the name " + in_quotes(value.get<std::string>()) + " stands there twice");
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
};

}  // namespace

nlohmann::json time_json(std::uint64_t seconds) { return to_rfc3339(from_unix_seconds(seconds)); }

nlohmann::json time_or_null(const std::optional<std::uint64_t>& seconds) {
  return seconds ? time_json(*seconds) : nlohmann::json();
}

nlohmann::json number_or_null(const std::optional<unsigned>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json();
}

std::string in_quotes(std::string_view name) {
  constexpr std::size_t k_most = 100;
  return "`" + std::string(name.substr(0, k_most)) + (name.size() > k_most ? "..." : "") + "`";
}

std::string list_in_quotes(std::span<const std::string_view> names) {
  std::string list;
  for (const auto name : names) list += (list.empty() ? "" : ", ") + in_quotes(name);
  return list;
}

std::string list_in_quotes(std::initializer_list<std::string_view> names) {
  return list_in_quotes(std::span(names.begin(), names.size()));
}

nlohmann::json read_json_object(Request& request, std::initializer_list<std::string_view> known) {
  return read_json_object(request, std::span(known.begin(), known.size()));
}

nlohmann::json read_json_object(Request& request, std::span<const std::string_view> known) {
  if (!is_json(request.header("content-type").value_or(""))) {
    throw HttpError(415, "unsupported_media_type", "the body must be sent as application/json, in UTF-8");
  }
  const auto text = read_text(request);
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(text, JsonRules());
  } catch (const nlohmann::json::exception&) {
    throw HttpError(400, "invalid_json", "the body is not valid JSON");
  }
  if (!value.is_object()) throw HttpError(400, "invalid_json", "the body must be a JSON object");
  for (const auto& [name, ignored] : value.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw HttpError(400, "unknown_field", in_quotes(name) + " is not known here, but " + list_in_quotes(known));
  }
  return value;
}

std::string to_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_string(std::string_view text) { return to_text(nlohmann::json(std::string(text))); }

void send_json(Response& response, int status, const nlohmann::json& value) {
  response.send(status, k_json_type, to_text(value));
}

std::string error_json(std::string_view code, std::string_view message) {
  return "{\"error\":{\"code\":" + json_string(code) + ",\"message\":" + json_string(message) + "}}";
}

}  // namespace modelfloat::server
