#pragma once
// The whole API as one handler.

#include "modelfloat/server/auth.h"
#include "modelfloat/server/http/http.h"
#include "modelfloat/server/http/router.h"
#include "modelfloat/server/service.h"

namespace modelfloat::server::api {

struct ApiOptions {
  std::size_t uploads = 8;        // at once; beyond, 503
  std::size_t inferences = 16;    // at once
  std::size_t fragment_maps = 8;  // at once
};

// `service` and what `find_token` uses outlive the handler.
Handler make_api(Service& service, TokenLookup find_token, const ApiOptions& options = {});

// Adds routes at the root and again under /api/v1, each behind the token check, with a bound on how many run at once.
class Routes {
 public:
  static constexpr std::size_t k_unlimited = SIZE_MAX;

  Routes(Router& router, TokenLookup find_token) : router_(router), find_token_(std::move(find_token)) {}
  // Query fields that are not in `query`, or stand there twice, are refused; so is a body, but with POST. The scope of
  // the token is in request.scope.
  void add(const std::string& method, const std::string& pattern, Scope scope, Handler handler,
           std::size_t at_once = k_unlimited, std::initializer_list<std::string_view> query = {});
  // Without a token, at the root alone.
  void add_open(const std::string& pattern, Handler handler);

 private:
  Router& router_;
  TokenLookup find_token_;
};

void add_model_routes(Routes& routes, Service& service, const ApiOptions& options);
void add_upload_route(Routes& routes, Service& service, const ApiOptions& options);
void add_inference_route(Routes& routes, Service& service, const ApiOptions& options);
void add_health_routes(Routes& routes, Service& service);

}  // namespace modelfloat::server::api
