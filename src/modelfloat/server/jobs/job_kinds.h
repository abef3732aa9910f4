#pragma once
// The jobs that can be done to a pool: the table of all kinds.

#include <vector>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/server/jobs/job_kind.h"

namespace modelfloat::server {

// `verify`, `repair` and `drain`; their reports are those of report_json.h. With `read_only` (a home
// that can only be read), those that change something are refused with Error{denied}. `pool`
// outlives the result.
std::vector<JobKind> job_kinds(engine::Pool& pool, bool read_only = false);

}  // namespace modelfloat::server
