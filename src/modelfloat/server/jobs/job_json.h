#pragma once
// Jobs as JSON, in answers and in events.

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/registry/jobs.h"

namespace modelfloat::server {

std::string_view to_string(registry::JobState) noexcept;

// Lists and events are without the member `result`, which may be large.
enum class JobResult { with, without };
nlohmann::ordered_json to_json(const registry::JobRow&, JobResult);

}  // namespace modelfloat::server
