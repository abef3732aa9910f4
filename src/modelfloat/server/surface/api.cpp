#include "modelfloat/server/surface/api.h"

#include "modelfloat/server/surface/native/native.h"
#include "modelfloat/server/surface/surface.h"

namespace modelfloat::server {

Handler make_api(Service& service, JobRunner& jobs, EventLog& events, const TokenLookup& find_token,
                 const ApiOptions& options) {
  const RequestLimits limits{.uploads = std::make_shared<RequestLimit>(options.uploads),
                             .inferences = std::make_shared<RequestLimit>(options.inferences),
                             .fragment_maps = std::make_shared<RequestLimit>(options.fragment_maps),
                             .event_streams = std::make_shared<RequestLimit>(options.event_streams)};
  auto native = native::native_surface(service, limits);
  for (auto& route : native::job_routes(jobs)) native.routes.push_back(std::move(route));
  native.routes.push_back(native::events_route(events, limits, options.heartbeat));
  return join_surfaces({std::move(native), native::health_surface(service)}, find_token);
}

}  // namespace modelfloat::server
