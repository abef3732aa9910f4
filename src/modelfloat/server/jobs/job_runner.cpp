#include "modelfloat/server/jobs/job_runner.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/server/http/http.h"
#include "modelfloat/server/jobs/job_json.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/error_answer.h"

namespace modelfloat::server {
namespace {

using registry::JobRow;
using registry::JobState;

constexpr Milliseconds k_progress_period{250};
constexpr const char* k_interrupted = "interrupted";

HttpError stopping() { return {503, "stopping", "the server is ending and takes no more jobs"}; }

}  // namespace

// A job that waits or runs here.
struct JobRunner::Live {
  JobRow row;
  const JobKind& kind;
  nlohmann::json arguments;
  std::stop_source stop;
  bool is_cancelled = false;
  std::optional<SteadyTime> progress_told = std::nullopt;
};

JobRunner::JobRunner(std::vector<JobKind> kinds, registry::Jobs& registry, Clock& clock, Random& random,
                     EventLog& events, JobRunnerOptions options)
    : kinds_(std::move(kinds)),
      registry_(registry),
      clock_(clock),
      random_(random),
      events_(events),
      options_(std::move(options)),
      lock_(options_.lock_folder, random) {
  interrupt_lost_jobs();
  worker_ = start_thread([this](const std::stop_token& stop) { work(stop); });
}

JobRunner::~JobRunner() { stop(); }

JobRow JobRunner::start(std::string_view kind_name, const nlohmann::json& options, std::string_view by) {
  const auto kind = std::find_if(kinds_.begin(), kinds_.end(), [&](const auto& one) { return one.name == kind_name; });
  if (kind == kinds_.end()) throw Error(ErrorKind::not_found, std::string(kind_name), "there is no such kind of job");
  auto arguments = kind->check(options);
  if (!by.empty()) arguments["by"] = std::string(by);

  JobRow row;
  row.id = "j" + to_hex(random_.array<8>());
  row.kind = kind->name;
  row.arguments = to_text(nlohmann::json(arguments));
  row.owner = lock_.id();
  row.created_at = clock_.utc_now();
  const auto live = std::make_shared<Live>(Live{row, *kind, nlohmann::json(arguments), {}});

  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw stopping();
    if (queue_.size() + arriving_ >= options_.queued) {
      throw HttpError(
          503, "busy",
          fmt::format("{} jobs are waiting already: cancel one, or try again when one has begun", options_.queued));
    }
    ++arriving_;
  }
  try {
    registry_.add_job(row);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    --arriving_;
    throw;
  }
  tell(row);
  bool too_late = false;
  {
    const std::lock_guard lock(mutex_);
    --arriving_;
    too_late = stopping_;
    if (!too_late) queue_.push_back(live);
    changed_.notify_all();
  }
  if (!too_late) return row;
  row.state = JobState::interrupted;
  row.ended_at = clock_.utc_now();
  row.error_code = k_interrupted;
  row.error_message = "the server ended before the job began";
  record(row);
  throw stopping();
}

JobRunner::LivePtr JobRunner::find_live(const std::string& id) const {
  if (running_ && running_->row.id == id) return running_;
  const auto found = std::find_if(queue_.begin(), queue_.end(), [&](const auto& job) { return job->row.id == id; });
  return found == queue_.end() ? nullptr : *found;
}

JobRow JobRunner::as_it_is(JobRow row) {
  if (row.owner != lock_.id() || registry::has_ended(row.state)) return row;
  {
    const std::lock_guard lock(mutex_);
    if (const auto live = find_live(row.id)) return live->row;
  }
  // It has ended since the row was read, or the registry could not be written when it ended.
  if (auto newer = registry_.job(row.id)) row = *std::move(newer);
  if (row.state == JobState::running) {
    row.state = JobState::interrupted;
    row.error_code = k_interrupted;
    row.error_message = "how this job ended could not be written to the registry";
  }
  return row;
}

std::optional<JobRow> JobRunner::find(const std::string& id) {
  auto row = registry_.job(id);
  if (row) row = as_it_is(*std::move(row));
  return row;
}

std::vector<JobRow> JobRunner::list(const std::string& before, std::size_t limit) {
  auto rows = registry_.jobs(before, limit);
  for (auto& row : rows) row = as_it_is(std::move(row));
  return rows;
}

JobRow JobRunner::cancel(const std::string& id) {
  LivePtr live;
  JobRow row;
  bool waited = false;
  {
    const std::lock_guard lock(mutex_);
    live = find_live(id);
    if (live && !registry::has_ended(live->row.state)) {
      live->is_cancelled = true;
      waited = live != running_;
      if (waited) {
        std::erase(queue_, live);
        live->row.state = JobState::cancelled;
        live->row.ended_at = clock_.utc_now();
      }
      row = live->row;
    } else {
      live.reset();
    }
  }
  if (waited) record(row);
  if (live) {
    live->stop.request_stop();  // not under the mutex: it calls whoever waits for the stop
    return row;
  }
  const auto known = find(id);
  if (!known) throw Error(ErrorKind::not_found, id, "there is no such job");
  if (known->state == JobState::cancelled) return *known;
  if (registry::has_ended(known->state))
    throw HttpError(409, "job_ended", fmt::format("{} has ended already: it is {}", id, to_string(known->state)));
  if (known->owner == lock_.id()) throw HttpError(503, "try_again", id + " is just being queued");
  throw HttpError(409, "job_of_another_server", id + " is run by another server of this home: cancel it there");
}

bool JobRunner::is_idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && arriving_ == 0 && !running_;
}

void JobRunner::interrupt_lost_jobs() {
  for (const auto& owner : registry_.job_owners()) {
    if (!lock_.has_ended(owner)) continue;
    const auto rows = registry_.interrupt_jobs(owner, clock_.utc_now(), k_interrupted,
                                               "the server that had this job ended before it was done");
    for (const JobRow& row : rows) {
      log_info(fmt::format("the {} {} was interrupted", row.kind, row.id));
      tell(row);
    }
  }
}

void JobRunner::stop() {
  std::deque<LivePtr> left;
  LivePtr running;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(queue_);
    running = running_;
  }
  if (running) running->stop.request_stop();
  for (const auto& job : left) {
    job->row.state = JobState::interrupted;
    job->row.ended_at = clock_.utc_now();
    job->row.error_code = k_interrupted;
    job->row.error_message = "the server ended before the job began";
    record(job->row);
  }
  worker_.request_stop();
  if (worker_.joinable()) worker_.join();
}

void JobRunner::work(const std::stop_token& stop) {
  for (;;) {
    LivePtr job;
    JobRow begun;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); }) || stopping_) return;
      job = queue_.front();
      queue_.pop_front();
      running_ = job;
      job->row.state = JobState::running;
      job->row.started_at = clock_.utc_now();
      begun = job->row;
    }
    record(begun);
    run(*job);
    JobRow ended;
    {
      const std::lock_guard lock(mutex_);
      ended = job->row;
    }
    write(ended);
    try {
      registry_.forget_jobs(options_.kept);
    } catch (const std::exception& error) {
      log_warning(std::string("old jobs cannot be forgotten: ") + error.what());
    }
    {
      // Only now: whoever finds nothing running finds the result in the registry.
      const std::lock_guard lock(mutex_);
      running_.reset();
    }
    tell(ended);
  }
}

void JobRunner::run(Live& job) {
  std::string result;
  ErrorAnswer failure;
  JobState state = JobState::done;
  try {
    const CallOptions call{job.stop.get_token(), std::nullopt};
    check_cancelled(call, clock_, job.row.id);
    const auto progress = [&](std::uint64_t done, std::uint64_t total) { report_progress(job, done, total); };
    result = to_text(nlohmann::json(job.kind.run(job.arguments, progress, call)));
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const Error*>(&error);
    state = known != nullptr && known->kind == ErrorKind::cancelled ? JobState::cancelled : JobState::failed;
    failure = error_answer_of(error);
    if (state == JobState::failed) log_warning(fmt::format("{} {}: {}", job.row.kind, job.row.id, error.what()));
  }
  const std::lock_guard lock(mutex_);
  job.row.ended_at = clock_.utc_now();
  job.row.state = state;
  job.row.result = std::move(result);
  if (state == JobState::cancelled && !job.is_cancelled) {
    job.row.state = stopping_ ? JobState::interrupted : JobState::failed;
    failure.code = stopping_ ? k_interrupted : failure.code;
    if (stopping_) failure.message = "the server ended before the job was done";
  }
  if (job.row.state == JobState::failed || job.row.state == JobState::interrupted) {
    job.row.error_code = failure.code;
    job.row.error_message = failure.message;
  }
}

void JobRunner::report_progress(Live& job, std::uint64_t done_bytes, std::uint64_t total_bytes) {
  JobRow row;
  {
    const std::lock_guard lock(mutex_);
    job.row.done_bytes = done_bytes;
    job.row.total_bytes = total_bytes;
    const auto now = clock_.steady_now();
    if (job.progress_told && now - *job.progress_told < k_progress_period) return;
    job.progress_told = now;
    row = job.row;
  }
  tell(row);
}

void JobRunner::record(const JobRow& row) {
  write(row);
  tell(row);
}

void JobRunner::write(const JobRow& row) {
  try {
    registry_.change_job(row);
  } catch (const std::exception& error) {
    log_error(fmt::format("the {} {} is {}, but that cannot be written: {}", row.kind, row.id, to_string(row.state),
                          error.what()));
  }
}

void JobRunner::tell(const JobRow& row) {
  events_.publish("job", to_text(nlohmann::json(to_json(row, JobResult::without))));
}

}  // namespace modelfloat::server
