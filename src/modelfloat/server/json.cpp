#include "modelfloat/server/json.h"

#include <array>

#include <nlohmann/json.hpp>

#include "modelfloat/base/ascii.h"

namespace modelfloat::server {
namespace {

constexpr std::string_view k_json_type = "application/json";

bool is_json(std::string_view content_type) {
  return equal_ignoring_case(trimmed(content_type.substr(0, content_type.find(';'))), k_json_type);
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

}  // namespace

nlohmann::json read_json_object(Request& request) {
  if (!is_json(request.header("content-type").value_or(""))) {
    throw HttpError(415, "unsupported_media_type", "the body must be sent as application/json");
  }
  const auto text = read_text(request);
  const auto check_depth = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > static_cast<int>(k_max_json_depth))
      throw HttpError(400, "invalid_json", "the JSON is nested too deeply");
    return true;
  };
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(text, check_depth);
  } catch (const nlohmann::json::exception&) {
    throw HttpError(400, "invalid_json", "the body is not valid JSON");
  }
  if (!value.is_object()) throw HttpError(400, "invalid_json", "the body must be a JSON object");
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
