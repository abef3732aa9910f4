#include "modelfloat/server/jobs/job_json.h"

#include <nlohmann/json.hpp>

namespace modelfloat::server {
namespace {

using nlohmann::ordered_json;
using registry::JobState;

ordered_json time_json(UtcTime time) { return time == UtcTime() ? ordered_json() : ordered_json(to_rfc3339(time)); }

// What the registry has as text is ours; damage there must not make a list fail.
ordered_json parsed(const std::string& text) {
  auto value = ordered_json::parse(text, nullptr, false);
  return value.is_discarded() ? ordered_json() : value;
}

}  // namespace

std::string_view to_string(JobState state) noexcept {
  switch (state) {
    case JobState::queued: return "queued";
    case JobState::running: return "running";
    case JobState::done: return "done";
    case JobState::failed: return "failed";
    case JobState::cancelled: return "cancelled";
    case JobState::interrupted: return "interrupted";
  }
  return "unknown";  // that a newer program wrote
}

ordered_json to_json(const registry::JobRow& job, JobResult result) {
  ordered_json json{{"id", job.id},
                    {"kind", job.kind},
                    {"arguments", parsed(job.arguments)},
                    {"state", to_string(job.state)},
                    {"created_at", time_json(job.created_at)},
                    {"started_at", time_json(job.started_at)},
                    {"ended_at", time_json(job.ended_at)},
                    {"progress", nullptr}};
  if (job.total_bytes > 0) json["progress"] = {{"done_bytes", job.done_bytes}, {"total_bytes", job.total_bytes}};
  if (result == JobResult::with) json["result"] = parsed(job.result);
  json["error"] = nullptr;
  if (!job.error_code.empty()) json["error"] = {{"code", job.error_code}, {"message", job.error_message}};
  return json;
}

}  // namespace modelfloat::server
