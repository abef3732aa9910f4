#include "modelfloat/server/surface/api.h"

#include "modelfloat/server/surface/native/native.h"
#include "modelfloat/server/surface/surface.h"

namespace modelfloat::server {

Handler make_api(Service& service, const TokenLookup& find_token, const ApiOptions& options) {
  const RequestLimits limits{.uploads = std::make_shared<RequestLimit>(options.uploads),
                             .inferences = std::make_shared<RequestLimit>(options.inferences),
                             .fragment_maps = std::make_shared<RequestLimit>(options.fragment_maps)};
  return join_surfaces({native::native_surface(service, limits), native::health_surface(service)}, find_token);
}

}  // namespace modelfloat::server
