#include "modelfloat/server/api/routes.h"

#include <atomic>

#include "modelfloat/server/api/errors.h"

namespace modelfloat::server::api {
namespace {

// Shared by the two addresses of a route.
class Gate {
 public:
  explicit Gate(std::size_t places) : places_(places) {}
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

struct Visit {
  explicit Visit(Gate& entered) : gate(entered) {
    if (!gate.enter()) throw HttpError(503, "busy", "too many requests of this kind are being answered");
  }
  ~Visit() { gate.leave(); }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  Gate& gate;
};

}  // namespace

void Routes::add(const std::string& method, const std::string& pattern, Scope scope, Handler handler,
                 std::size_t at_once) {
  const auto gate = std::make_shared<Gate>(at_once);  // both copies of the handler count together
  const Handler guarded = [scope, gate, find_token = find_token_, handler = std::move(handler)](Request& request,
                                                                                                Response& response) {
    authorise(request, response, scope, find_token);
    const Visit visit(*gate);
    handler(request, response);
  };
  router_.add(method, pattern, guarded);
  router_.add(method, "/api/v1" + pattern, guarded);
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
