#include <nlohmann/json.hpp>

#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/routes.h"

namespace modelfloat::server::api {

void add_health_routes(Routes& routes, Service& service) {
  routes.add_open("/healthz", [](Request&, Response& response) { send_json(response, 200, {{"status", "ok"}}); });
  // Open to all, so it says how many, and no names.
  routes.add_open("/readyz", [&service](Request& request, Response& response) {
    const auto state = service.readiness({request.stop, std::nullopt});
    nlohmann::json answer = {{"status", state.ready ? "ready" : "not_ready"},
                             {"stores", state.stores},
                             {"stores_online", state.stores_online},
                             {"domains", state.domains},
                             {"domains_online", state.domains_online}};
    if (!state.ready) answer["problem"] = state.problem;
    send_json(response, state.ready ? 200 : 503, answer);
  });
}

}  // namespace modelfloat::server::api
