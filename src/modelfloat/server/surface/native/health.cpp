#include <nlohmann/json.hpp>

#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/native.h"

namespace modelfloat::server::native {

std::vector<Route> health_routes(Service& service) {
  const auto alive = [](Request&, Response& response) { send_json(response, 200, {{"status", "ok"}}); };
  // Open to all, so it says how many, and no names.
  const auto ready = [&service](Request& request, Response& response) {
    const auto state = service.readiness({request.stop, std::nullopt});
    nlohmann::json answer = {{"status", state.ready ? "ready" : "not_ready"},
                             {"stores", state.stores},
                             {"stores_online", state.stores_online},
                             {"domains", state.domains},
                             {"domains_online", state.domains_online}};
    if (!state.ready) answer["problem"] = state.problem;
    send_json(response, state.ready ? 200 : 503, answer);
  };
  return {{.method = "GET", .pattern = "/healthz", .scope = std::nullopt, .handler = alive},
          {.method = "GET", .pattern = "/readyz", .scope = std::nullopt, .handler = ready}};
}

}  // namespace modelfloat::server::native
