#include "modelfloat/server/surface/native/native.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "modelfloat/base/ascii.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server::native {
namespace {

constexpr std::size_t k_default_page = 100;
constexpr std::size_t k_max_page = 1000;

// What is passed over silently is taken for granted by whoever sent it.
void check_query(const Request& request, const std::vector<std::string>& known) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw HttpError(400, "unknown_field", "the query field " + in_quotes(name) + " is not known at this address");
    }
    if (!seen.insert(name).second)
      throw HttpError(400, "invalid", "the query field " + in_quotes(name) + " stands there twice");
  }
}

void check_no_body(Request& request) {
  std::byte first{};
  if (request.body->read({&first, 1}) > 0) {
    throw HttpError(400, "invalid", request.method + " takes no body at this address");
  }
}

void check_coding(const Request& request) {
  const auto coding = request.header("content-encoding");
  if (coding && !coding->empty() && !equal_ignoring_case(*coding, "identity")) {
    throw HttpError(415, "unsupported_media_type", "the body must be sent as it is, without Content-Encoding");
  }
}

void check_strictly(const Route& route, Request& request) {
  check_query(request, route.query);
  if (route.method == "POST") {
    check_coding(request);
  } else {
    check_no_body(request);
  }
}

}  // namespace

std::size_t page_size(const Request& request) {
  const auto text = request.query_value("limit");
  if (!text) return k_default_page;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc{} || end != text->data() + text->size() || limit < 1 || limit > k_max_page) {
    throw HttpError(400, "invalid", "limit is a number from 1 to 1000");
  }
  return limit;
}

void write_error(const ErrorAnswer& error, Response& response) {
  if (error.retry_after_seconds) response.set_header("Retry-After", std::to_string(*error.retry_after_seconds));
  response.send(error.status, "application/json", error_json(error.code, error.message));
}

Surface native_surface(Service& service, const RequestLimits& limits) {
  auto routes = model_routes(service, limits);
  routes.push_back(upload_route(service, limits));
  routes.push_back(inference_route(service, limits));
  return {.prefixes = {"", "/api/v1"},
          .routes = std::move(routes),
          .tokens = bearer_tokens(),
          .write_error = write_error,
          .check = check_strictly};
}

Surface health_surface(Service& service) {
  return {.prefixes = {""},
          .routes = health_routes(service),
          .tokens = bearer_tokens(),
          .write_error = write_error,
          .check = [](const Route& route, const Request& request) { check_query(request, route.query); }};
}

}  // namespace modelfloat::server::native
