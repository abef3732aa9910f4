#pragma once
// Our own REST API (docs/api.md), at the root and again under /api/v1. It refuses what it does not
// know.

#include <vector>

#include "modelfloat/server/service.h"
#include "modelfloat/server/surface/surface.h"

namespace modelfloat::server::native {

// `service` outlives what these return.

Surface native_surface(Service& service, const RequestLimits& limits);
// /healthz and /readyz: at the root alone, without a token.
Surface health_surface(Service& service);

// {"error": {"code", "message"}}, and Retry-After.
void write_error(const ErrorAnswer& error, Response& response);

std::vector<Route> model_routes(Service& service, const RequestLimits& limits);
Route upload_route(Service& service, const RequestLimits& limits);
Route inference_route(Service& service, const RequestLimits& limits);
std::vector<Route> health_routes(Service& service);

}  // namespace modelfloat::server::native
