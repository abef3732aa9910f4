#pragma once
// All that the server answers, as one handler.

#include <cstddef>

#include "modelfloat/server/auth.h"
#include "modelfloat/server/http/http.h"
#include "modelfloat/server/service.h"

namespace modelfloat::server {

struct ApiOptions {
  std::size_t uploads = 8;        // at once; beyond, 503
  std::size_t inferences = 16;    // at once
  std::size_t fragment_maps = 8;  // at once
};

// Mounts every surface there is. `service` and what `find_token` uses outlive the handler.
Handler make_api(Service& service, const TokenLookup& find_token, const ApiOptions& options = {});

}  // namespace modelfloat::server
