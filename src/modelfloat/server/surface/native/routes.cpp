#include "modelfloat/server/surface/native/routes.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "modelfloat/base/ascii.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/errors.h"

namespace modelfloat::server::api {
namespace {

// Shared by the two addresses of a route.
class RequestLimit {
 public:
  explicit RequestLimit(std::size_t places) : places_(places) {}
  bool enter() noexcept {
    if (inside_.fetch_add(1) < places_) return true;
    --inside_;
    return false;
  }
  void leave() noexcept { --inside_; }

 private:
  const std::size_t places_;
  std::atomic<std::size_t> inside_ = 0;
};

struct RequestSlot {
  explicit RequestSlot(RequestLimit& entered) : limit(entered) {
    if (!limit.enter()) throw HttpError(503, "busy", "too many requests of this kind are being answered");
  }
  ~RequestSlot() { limit.leave(); }
  RequestSlot(const RequestSlot&) = delete;
  RequestSlot& operator=(const RequestSlot&) = delete;
  RequestLimit& limit;
};

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

}  // namespace

void Routes::add(const std::string& method, const std::string& pattern, Scope scope, Handler handler,
                 std::size_t at_once, std::initializer_list<std::string_view> query) {
  const auto limit = std::make_shared<RequestLimit>(at_once);  // both copies of the handler count together
  const std::vector<std::string> known(query.begin(), query.end());
  const Handler guarded = [=, find_token = find_token_, handler = std::move(handler)](Request& request,
                                                                                      Response& response) {
    request.scope = to_string(authorise(request, response, scope, find_token));
    check_query(request, known);
    if (method == "POST") {
      check_coding(request);
    } else {
      check_no_body(request);
    }
    const RequestSlot slot(*limit);
    handler(request, response);
  };
  router_.add(method, pattern, guarded);
  router_.add(method, "/api/v1" + pattern, guarded);
}

void Routes::add_open(const std::string& pattern, Handler handler) {
  router_.add("GET", pattern, [handler = std::move(handler)](Request& request, Response& response) {
    check_query(request, {});
    handler(request, response);
  });
}

Handler make_api(Service& service, TokenLookup find_token, const ApiOptions& options) {
  const auto router = std::make_shared<Router>();  // a Handler can be copied
  Routes routes(*router, std::move(find_token));
  add_health_routes(routes, service);
  add_model_routes(routes, service, options);
  add_upload_route(routes, service, options);
  add_inference_route(routes, service, options);
  return with_error_answers([router](Request& request, Response& response) { router->handle(request, response); });
}

}  // namespace modelfloat::server::api
