#pragma once
// Our own REST API (docs/api.md), at the root and again under /api/v1. It refuses what it does not
// know.

#include <vector>

#include "modelfloat/server/event_log.h"
#include "modelfloat/server/jobs/job_runner.h"
#include "modelfloat/server/service.h"
#include "modelfloat/server/surface/surface.h"

namespace modelfloat::server::native {

// `service`, `jobs` and `events` outlive what these return.

// All but the jobs and the events, which belong to it, too: job_routes() and events_route().
Surface native_surface(Service& service, const RequestLimits& limits);
// /healthz and /readyz: at the root alone, without a token.
Surface health_surface(Service& service);

// {"error": {"code", "message"}}, and Retry-After.
void write_error(const ErrorAnswer& error, Response& response);

std::vector<Route> model_routes(Service& service, const RequestLimits& limits);
Route upload_route(Service& service, const RequestLimits& limits);
Route inference_route(Service& service, const RequestLimits& limits);
// An address for each kind of job, and those for jobs in general.
std::vector<Route> job_routes(JobRunner& jobs);
// `heartbeat`: how long the stream may be silent.
Route events_route(EventLog& events, const RequestLimits& limits, Milliseconds heartbeat);
std::vector<Route> health_routes(Service& service);

// The query field `limit` of a list: 1 to 1000, or 100 where there is none. Throws HttpError{400}.
std::size_t page_size(const Request& request);

}  // namespace modelfloat::server::native
