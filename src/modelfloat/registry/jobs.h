#pragma once
// The jobs of the servers that use this registry: those that wait or run, and how the last ones
// ended.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/registry/transactions.h"

namespace modelfloat::registry {

// The numbers are in the database.
enum class JobState { queued = 0, running = 1, done = 2, failed = 3, cancelled = 4, interrupted = 5 };
inline bool has_ended(JobState state) noexcept { return state != JobState::queued && state != JobState::running; }

// A time of 0 (1970) means: not yet. Texts are empty where there is none.
struct JobRow {
  std::string id;
  std::string kind;
  std::string arguments;  // JSON
  JobState state = JobState::queued;
  std::string owner;  // the server that runs it: see Jobs::interrupt_jobs()
  UtcTime created_at{};
  UtcTime started_at{};
  UtcTime ended_at{};
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;  // 0: not known
  std::string result;             // JSON
  std::string error_code;
  std::string error_message;
  bool operator==(const JobRow&) const = default;
};

// Threads, durability and errors: see Registry.
class Jobs : public virtual Transactions {
 public:
  // Error{invalid} when there is a job with this id.
  virtual void add_job(const JobRow&) = 0;
  // Replaces the row of this id. Error{not_found} when there is none.
  virtual void change_job(const JobRow&) = 0;
  // nullopt when there is none, or it was forgotten.
  virtual std::optional<JobRow> job(const std::string& id) = 0;
  // At most `limit` jobs, the newest first: those that were added before the job `before`, or all
  // when that is empty. Empty when there is no job `before`: older ones are forgotten first. Their
  // results are left out.
  virtual std::vector<JobRow> jobs(const std::string& before, std::size_t limit) = 0;
  // The owners of jobs that have not ended, ordered, each once.
  virtual std::vector<std::string> job_owners() = 0;
  // For an owner that is no more: its jobs that have not ended become interrupted at the time `now`,
  // with this error. Returns them, the oldest first. Calling it twice is safe.
  virtual std::vector<JobRow> interrupt_jobs(const std::string& owner, UtcTime now, const std::string& error_code,
                                             const std::string& error_message) = 0;
  // Forgets the jobs that have ended, but for the newest `keep` of them.
  virtual void forget_jobs(std::size_t keep) = 0;
};

}  // namespace modelfloat::registry
