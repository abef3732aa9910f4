#include <nlohmann/json.hpp>

#include "modelfloat/server/jobs/job_json.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/native.h"

namespace modelfloat::server::native {
namespace {

void start_job(JobRunner& jobs, const JobKind& kind, Request& request, Response& response) {
  const auto job = jobs.start(kind.name, read_json_object(request, std::span(kind.options)));
  response.set_header("Location", "/api/v1/jobs/" + job.id);
  send_json(response, 202, {{"job", job.id}});
}

void list_jobs(JobRunner& jobs, const Request& request, Response& response) {
  const auto limit = page_size(request);
  auto rows = jobs.list(std::string(request.query_value("after").value_or("")), limit + 1);
  const bool is_last = rows.size() <= limit;
  if (!is_last) rows.pop_back();
  nlohmann::json list = nlohmann::json::array();
  for (const auto& row : rows) list.push_back(nlohmann::json(server::to_json(row, JobResult::without)));
  const nlohmann::json next = is_last ? nlohmann::json() : nlohmann::json(rows.back().id);
  send_json(response, 200, {{"jobs", std::move(list)}, {"next", next}});
}

void show_job(JobRunner& jobs, const Request& request, Response& response) {
  const auto& id = request.params.at("id");
  const auto job = jobs.find(id);
  if (!job) throw Error(ErrorKind::not_found, id, "there is no such job");
  send_json(response, 200, server::to_json(*job, JobResult::with));
}

void cancel_job(JobRunner& jobs, const Request& request, Response& response) {
  const auto job = jobs.cancel(request.params.at("id"));
  if (registry::has_ended(job.state)) return response.send(204, "", "");
  send_json(response, 202, server::to_json(job, JobResult::without));
}

}  // namespace

std::vector<Route> job_routes(JobRunner& jobs) {
  const auto with_jobs = [&jobs](auto function) {
    return [&jobs, function](Request& request, Response& response) { function(jobs, request, response); };
  };
  std::vector<Route> routes{
      {.method = "GET",
       .pattern = "/jobs",
       .scope = Scope::read,
       .handler = with_jobs(list_jobs),
       .query = {"limit", "after"}},
      {.method = "GET", .pattern = "/jobs/{id}", .scope = Scope::read, .handler = with_jobs(show_job)},
      {.method = "DELETE", .pattern = "/jobs/{id}", .scope = Scope::admin, .handler = with_jobs(cancel_job)}};
  for (const JobKind& kind : jobs.kinds()) {
    const auto start = [&jobs, &kind](Request& request, Response& response) {
      start_job(jobs, kind, request, response);
    };
    // Also those that only read: they hold up the others.
    routes.push_back({.method = "POST", .pattern = "/" + kind.name, .scope = Scope::admin, .handler = start});
  }
  return routes;
}

}  // namespace modelfloat::server::native
