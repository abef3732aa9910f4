#include "modelfloat/server/http/http.h"

namespace modelfloat::server {
namespace {

std::optional<std::string_view> first_of(const std::vector<std::pair<std::string, std::string>>& pairs,
                                         std::string_view name) noexcept {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return std::nullopt;
}

ErrorKind kind_of(int status) {
  switch (status) {
    case 401:
    case 403: return ErrorKind::denied;
    case 404: return ErrorKind::not_found;
    case 408: return ErrorKind::timed_out;
    case 503: return ErrorKind::transient;
    default: return ErrorKind::invalid;
  }
}

}  // namespace

std::optional<std::string_view> Request::header(std::string_view name) const noexcept {
  return first_of(headers, name);
}
std::optional<std::string_view> Request::query_value(std::string_view name) const noexcept {
  return first_of(query, name);
}

HttpError::HttpError(int http_status, std::string stable_code, std::string text)
    : Error(kind_of(http_status), "request", text),
      status(http_status),
      code(std::move(stable_code)),
      message(std::move(text)) {}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

}  // namespace modelfloat::server
