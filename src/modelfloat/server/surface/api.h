#pragma once
// All that the server answers, as one handler.

#include <cstddef>

#include "modelfloat/base/clock.h"
#include "modelfloat/server/auth.h"
#include "modelfloat/server/event_log.h"
#include "modelfloat/server/http/http.h"
#include "modelfloat/server/jobs/job_runner.h"
#include "modelfloat/server/service.h"

namespace modelfloat::server {

struct ApiOptions {
  std::size_t uploads = 8;        // at once; beyond, 503
  std::size_t inferences = 16;    // at once
  std::size_t fragment_maps = 8;  // at once
  // At once: each holds a thread of the server for as long as its client likes.
  std::size_t event_streams = 8;
  Milliseconds heartbeat{15'000};  // how long an event stream may be silent
};

// Mounts every surface there is. `service`, `jobs`, `events` and what `find_token` uses outlive the
// handler. Event streams end when `events` is closed.
Handler make_api(Service& service, JobRunner& jobs, EventLog& events, const TokenLookup& find_token,
                 const ApiOptions& options = {});

}  // namespace modelfloat::server
