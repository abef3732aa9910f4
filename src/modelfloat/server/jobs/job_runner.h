#pragma once
// Runs the jobs of this server, one at a time, and keeps their history in the registry.

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/registry/jobs.h"
#include "modelfloat/server/event_log.h"
#include "modelfloat/server/jobs/job_kind.h"
#include "modelfloat/server/jobs/server_lock.h"

namespace modelfloat::server {

struct JobRunnerOptions {
  std::size_t queued = 16;  // that wait, besides the one that runs
  std::size_t kept = 200;   // of the jobs that have ended, in the registry
  // Where the servers of this registry hold their locks (ServerLock). Empty: no other process uses
  // the registry, nor will.
  std::filesystem::path lock_folder;
};

// Methods may be called from many threads, and throw any error of the registry besides what they
// say. Each change of a job is in the registry before it is in the event log, as an event `job`;
// with the last one, the runner is free for the next job.
class JobRunner {
 public:
  // `registry`, `clock`, `random` and `events` outlive it. Jobs of servers that have ended become
  // interrupted.
  JobRunner(std::vector<JobKind> kinds, registry::Jobs& registry, Clock& clock, Random& random, EventLog& events,
            JobRunnerOptions options = {});
  ~JobRunner();  // stops
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  const std::vector<JobKind>& kinds() const noexcept { return kinds_; }

  // Puts a job at the end of the queue. `by`: which part of the program starts it; the job has it
  // among its arguments. Throws Error{not_found} for an unknown kind, what JobKind::check() throws,
  // and HttpError{503} when the queue is full or the server ends.
  registry::JobRow start(std::string_view kind, const nlohmann::json& options, std::string_view by = {});

  // The job as it is now; nullopt when there is none, or it was forgotten.
  std::optional<registry::JobRow> find(const std::string& id);
  // As registry::Jobs::jobs(), with the progress of the job that runs.
  std::vector<registry::JobRow> list(const std::string& before, std::size_t limit);

  // Cancels a job. One that waits is cancelled when this returns. One that runs is asked to stop,
  // and is still running; it may also come to its end first. One that is cancelled already stays
  // so. Returns the job as it is then. Throws Error{not_found} when there is none, and HttpError{409}
  // when it has ended otherwise, or another server runs it.
  registry::JobRow cancel(const std::string& id);

  // Whether no job runs or waits here.
  bool is_idle() const;
  // Makes the jobs of servers that have ended meanwhile interrupted. Calling it again is safe.
  void interrupt_lost_jobs();

  // Takes no more jobs. The one that runs is stopped, and waited for; it and those that wait become
  // interrupted. Calling it again does nothing.
  void stop();

 private:
  struct Live;
  using LivePtr = std::shared_ptr<Live>;

  void work(const std::stop_token& stop);
  void run(Live& job);
  void report_progress(Live& job, std::uint64_t done_bytes, std::uint64_t total_bytes);
  // Writes the job as it is, and tells it. A registry that cannot be written is logged.
  void record(const registry::JobRow& row);
  void write(const registry::JobRow& row);
  void tell(const registry::JobRow& row);
  // What the registry has of a job, and what only this object knows.
  registry::JobRow as_it_is(registry::JobRow row);
  LivePtr find_live(const std::string& id) const;  // the mutex is held

  const std::vector<JobKind> kinds_;
  registry::Jobs& registry_;
  Clock& clock_;
  Random& random_;
  EventLog& events_;
  const JobRunnerOptions options_;
  const ServerLock lock_;

  mutable std::mutex mutex_;  // guards all below; no call to the registry is made under it
  std::condition_variable_any changed_;
  std::deque<LivePtr> queue_;
  LivePtr running_;
  std::size_t arriving_ = 0;  // that are being written to the registry, and then join the queue
  bool stopping_ = false;
  std::jthread worker_;  // last: it uses the others
};

}  // namespace modelfloat::server
