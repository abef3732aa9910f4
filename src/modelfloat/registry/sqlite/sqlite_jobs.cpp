// The jobs of servers.
#include <fmt/format.h>

#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {
namespace {

constexpr std::string_view k_not_ended = "state in (0, 1)";  // JobState

template <typename... Arguments>
std::vector<JobRow> rows_of(Connection& c, std::string_view result, std::string_view rest,
                            const Arguments&... arguments) {
  return c.rows<JobRow, std::string, std::string, std::string, JobState, std::string, UtcTime, UtcTime, UtcTime,
                std::uint64_t, std::uint64_t, std::string, std::string, std::string>(
      fmt::format(
          "select id, kind, arguments, state, owner, created_at, started_at, ended_at, done_bytes, total_bytes, "
          "{}, error_code, error_message from jobs {}",
          result, rest),
      arguments...);
}

}  // namespace

void SqliteRegistry::add_job(const JobRow& job) {
  database_.write([&](Connection& c) {
    if (c.row<std::string>("select id from jobs where id = ?1", job.id))
      throw Error(ErrorKind::invalid, "job " + job.id, "is in the registry already");
    c.run(
        "insert into jobs (id, kind, arguments, state, owner, created_at, started_at, ended_at, done_bytes, "
        "total_bytes, result, error_code, error_message) "
        "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        job.id, job.kind, job.arguments, job.state, job.owner, job.created_at, job.started_at, job.ended_at,
        job.done_bytes, job.total_bytes, job.result, job.error_code, job.error_message);
  });
}

void SqliteRegistry::change_job(const JobRow& job) {
  database_.write([&](Connection& c) {
    c.run(
        "update jobs set kind = ?2, arguments = ?3, state = ?4, owner = ?5, created_at = ?6, started_at = ?7, "
        "ended_at = ?8, done_bytes = ?9, total_bytes = ?10, result = ?11, error_code = ?12, error_message = ?13 "
        "where id = ?1",
        job.id, job.kind, job.arguments, job.state, job.owner, job.created_at, job.started_at, job.ended_at,
        job.done_bytes, job.total_bytes, job.result, job.error_code, job.error_message);
    if (c.changes() == 0) throw Error(ErrorKind::not_found, "job " + job.id, "is not in the registry");
  });
}

std::optional<JobRow> SqliteRegistry::job(const std::string& id) {
  return database_.read([&](Connection& c) -> std::optional<JobRow> {
    auto rows = rows_of(c, "result", "where id = ?1", id);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  });
}

std::vector<JobRow> SqliteRegistry::jobs(const std::string& before, std::size_t limit) {
  return database_.read([&](Connection& c) {
    if (before.empty()) return rows_of(c, "''", "order by number desc limit ?1", limit);
    return rows_of(c, "''", "where number < (select number from jobs where id = ?1) order by number desc limit ?2",
                   before, limit);
  });
}

std::vector<std::string> SqliteRegistry::job_owners() {
  return database_.read([](Connection& c) {
    return c.rows<std::string>(fmt::format("select distinct owner from jobs where {} order by owner", k_not_ended));
  });
}

std::vector<JobRow> SqliteRegistry::interrupt_jobs(const std::string& owner, UtcTime now, const std::string& error_code,
                                                   const std::string& error_message) {
  std::vector<JobRow> jobs;
  database_.write([&](Connection& c) {
    jobs = rows_of(c, "result", fmt::format("where owner = ?1 and {} order by number", k_not_ended), owner);
    for (JobRow& job : jobs) {
      job.state = JobState::interrupted;
      job.ended_at = now;
      job.error_code = error_code;
      job.error_message = error_message;
      change_job(job);
    }
  });
  return jobs;
}

void SqliteRegistry::forget_jobs(std::size_t keep) {
  database_.write([&](Connection& c) {
    c.run(
        fmt::format("delete from jobs where not {0} and number not in (select number from jobs where not {0} order by "
                    "number desc limit ?1)",
                    k_not_ended),
        keep);
  });
}

}  // namespace modelfloat::registry
