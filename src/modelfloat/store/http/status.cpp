#include "modelfloat/store/http/status.h"

#include <algorithm>
#include <charconv>

#include <curl/curl.h>

namespace modelfloat::store::http {

std::optional<UtcTime> parse_date(std::string_view text) {
  const std::time_t seconds = curl_getdate(std::string(text).c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return UtcTime(std::chrono::seconds(seconds));
}

std::optional<Milliseconds> retry_after(const Response& response, UtcTime now) {
  const auto text = response.header("retry-after");
  if (!text || text->empty()) return std::nullopt;
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error == std::errc() && end == text->data() + text->size()) return std::chrono::seconds(seconds);
  const auto then = parse_date(*text);
  if (!then) return std::nullopt;
  return std::max(*then - now, Milliseconds(0));
}

std::optional<UtcTime> date(const Response& response) {
  const auto text = response.header("date");
  return text ? parse_date(*text) : std::nullopt;
}

std::optional<std::uint64_t> content_length(const Response& response) {
  const auto text = response.header("content-length").value_or(std::string_view());
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

static ErrorKind kind_of(const Response& response) {
  switch (response.status) {
    case 401:
    case 403: return ErrorKind::denied;
    case 404:
    case 410: return ErrorKind::not_found;
    case 408: return ErrorKind::timed_out;
    case 413:
    case 507: return ErrorKind::out_of_space;
    case 429: return ErrorKind::rate_limited;
    case 423:
    case 425: return ErrorKind::transient;
    case 501: return ErrorKind::unsupported;
    case 503: return response.header("retry-after") ? ErrorKind::rate_limited : ErrorKind::transient;
    default: return response.status >= 500 ? ErrorKind::transient : ErrorKind::invalid;
  }
}

// The first line of an answer that is plain text, as long as a line may be.
static std::string first_words(const Response& response) {
  constexpr std::size_t k_longest = 200;
  const auto type = response.header("content-type");
  if (!type || (!type->starts_with("text/plain") && !type->starts_with("application/json"))) return {};
  std::string text(response.text().substr(0, std::min(response.text().find_first_of("\r\n"), k_longest)));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

Error status_error(const Response& response, std::string where, std::string_view what, UtcTime now) {
  std::string message = std::string(what) + ": HTTP status " + std::to_string(response.status);
  if (const std::string words = first_words(response); !words.empty()) message += ": " + words;
  return Error(kind_of(response), std::move(where), message, retry_after(response, now));
}

}  // namespace modelfloat::store::http
