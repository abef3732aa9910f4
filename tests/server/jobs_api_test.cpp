// Jobs over HTTP: made-up ones, which the test holds back and lets go.

#include <atomic>
#include <condition_variable>
#include <future>

#include "api_fixture.h"
#include "job_events.h"

#include "modelfloat/server/jobs/server_lock.h"

namespace modelfloat::test {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using registry::JobState;

class JobsApiTest : public ApiTest {
 protected:
  JobsApiTest() {
    server::JobKind kind;
    kind.name = "verify";
    kind.options = {"model", "read"};
    kind.check = [](const json& options) {
      if (options.value("model", "") == "none") throw Error(ErrorKind::not_found, "none", "there is no such model");
      return ordered_json(options);
    };
    kind.run = [this](const json& arguments, const server::JobProgress& progress, const CallOptions& call) {
      ++runs_;
      return on_run_(arguments, progress, call);
    };
    kinds_.push_back(kind);
    kind.name = "repair";
    kinds_.push_back(std::move(kind));
  }
  ~JobsApiTest() override {
    let_go();
    server_.reset();
    jobs_.reset();  // before what its jobs use
  }

  // The job goes on when let_go() is called, or when it is cancelled.
  ordered_json hold(const CallOptions& call) {
    std::unique_lock lock(mutex_);
    if (changed_.wait(lock, call.stop, [this] { return free_; })) return {{"held", true}};
    throw Error(ErrorKind::cancelled, "job", "stopped on request");
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    free_ = true;
    changed_.notify_all();
  }
  void hold_all() {
    on_run_ = [this](const json&, const server::JobProgress&, const CallOptions& call) { return hold(call); };
  }

  RawAnswer post(const std::string& kind, const json& body = json::object(), const std::string& scope = "admin") {
    return ask(with_json("POST /api/v1/" + kind, scope, body));
  }
  std::string start_job(const std::string& kind = "verify", const json& body = json::object()) {
    const auto answer = post(kind, body);
    EXPECT_EQ(answer.status, 202) << answer.body;
    return json_of(answer).at("job");
  }
  json show(const std::string& id) {
    const auto answer = ask(head("GET /api/v1/jobs/" + id, "read"));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json_of(answer);
  }
  RawAnswer cancel(const std::string& id) { return ask(head("DELETE /api/v1/jobs/" + id, "admin")); }
  std::vector<std::string> listed(const std::string& query = "") {
    std::vector<std::string> ids;
    const auto page = json_of(ask(head("GET /jobs" + query, "read")));
    for (const auto& job : page.at("jobs")) ids.push_back(job.at("id"));
    return ids;
  }
  // Waits for the event that says so, and returns the job as the event has it.
  json wait_for(const std::string& id, const std::string& state) {
    return wait_for_job(events_, id, [&](const json& job) { return job["state"] == state; });
  }

  std::atomic<int> runs_ = 0;
  std::function<ordered_json(const json&, const server::JobProgress&, const CallOptions&)> on_run_ =
      [](const json&, const server::JobProgress&, const CallOptions&) { return ordered_json{{"damaged", 7}}; };

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool free_ = false;
};

TEST_F(JobsApiTest, AJobIsStartedWatchedAndEndsWithItsReport) {
  const auto answer = post("verify", {{"read", true}});
  ASSERT_EQ(answer.status, 202) << answer.body;
  const std::string id = json_of(answer).at("job");
  EXPECT_EQ(answer.headers.at("location"), "/api/v1/jobs/" + id);
  EXPECT_EQ(id.find_first_not_of("j0123456789abcdef"), std::string::npos);
  EXPECT_EQ(id.size(), 17U);
  const auto event = wait_for(id, "done");
  EXPECT_FALSE(event.contains("result")) << "it may be large";
  const auto job = show(id);
  EXPECT_EQ(job["kind"], "verify");
  EXPECT_EQ(job["arguments"], json({{"read", true}}));
  EXPECT_EQ(job["state"], "done");
  EXPECT_EQ(job["result"], json({{"damaged", 7}}));
  EXPECT_TRUE(job["error"].is_null());
  EXPECT_TRUE(job["progress"].is_null());
  for (const auto* time : {"created_at", "started_at", "ended_at"}) EXPECT_TRUE(job[time].is_string()) << time;
}

TEST_F(JobsApiTest, ARunningJobShowsItsProgress) {
  std::promise<void> told;
  on_run_ = [&](const json&, const server::JobProgress& progress, const CallOptions& call) {
    progress(1, 10);
    progress(4, 10);
    told.set_value();
    return hold(call);
  };
  const auto id = start_job();
  told.get_future().wait();
  const auto job = show(id);
  EXPECT_EQ(job["state"], "running");
  EXPECT_EQ(job["progress"], json({{"done_bytes", 4}, {"total_bytes", 10}})) << "not only what an event told";
  EXPECT_TRUE(job["ended_at"].is_null());
  EXPECT_TRUE(job["result"].is_null());
  EXPECT_EQ(json_of(ask(head("GET /jobs", "read")))["jobs"][0]["progress"]["done_bytes"], 4);
  std::size_t progress_events = 0;
  for (const auto& event : events_.wait(0, Milliseconds{0}, {}).events)
    progress_events += json::parse(event->data)["progress"].is_object() ? 1 : 0;
  EXPECT_LE(progress_events, 2U);
  let_go();
  wait_for(id, "done");
  EXPECT_EQ(show(id)["progress"]["done_bytes"], 4) << "kept";
}

TEST_F(JobsApiTest, WrongBodiesStartNothing) {
  const auto status = [&](const std::string& type, const std::string& body) {
    return ask(with_body("POST /verify", "admin", type, body)).status;
  };
  EXPECT_EQ(status("text/plain", "{}"), 415);
  EXPECT_EQ(status("application/json", ""), 400);
  EXPECT_EQ(status("application/json", "[]"), 400);
  EXPECT_EQ(status("application/json", "{"), 400);
  EXPECT_EQ(status("application/json", R"({"read":true,"read":true})"), 400);
  const auto unknown = post("verify", {{"by", "maintenance"}});
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(code_of(unknown), "unknown_field");
  EXPECT_NE(unknown.body.find("`read`"), std::string::npos) << "it names those that there are: " << unknown.body;
  EXPECT_EQ(ask(with_json("POST /verify?read=1", "admin", json::object())).status, 400);
  const auto missing = post("verify", {{"model", "none"}});
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(code_of(missing), "not_found");
  EXPECT_EQ(post("rebalance").status, 404);
  EXPECT_EQ(ask(head("GET /verify", "admin")).status, 405);
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(runs_, 0);
}

TEST_F(JobsApiTest, EachAddressNeedsItsScope) {
  const auto id = start_job();
  wait_for(id, "done");
  for (const auto& [scope, token] : tokens_) {
    const bool may_read = scope == "read" || scope == "admin";
    for (const std::string& line : {std::string("GET /jobs"), "GET /jobs/" + id})
      EXPECT_EQ(ask(head(line, scope)).status, may_read ? 200 : 403) << line << " " << scope;
    EXPECT_EQ(ask(head("DELETE /jobs/" + id, scope)).status, scope == "admin" ? 409 : 403) << scope;
    EXPECT_EQ(post("repair", json::object(), scope).status, scope == "admin" ? 202 : 403) << scope;
  }
  EXPECT_EQ(ask(head("GET /jobs", "")).status, 401);
  EXPECT_EQ(ask(head("GET /events", "infer")).status, 403);
  EXPECT_EQ(ask(head("GET /events", "")).status, 401);
}

TEST_F(JobsApiTest, AFailureIsToldAsAnAnswerWouldTellIt) {
  on_run_ = [](const json&, const server::JobProgress&, const CallOptions&) -> ordered_json {
    throw Error(ErrorKind::offline, "s1", "cannot be reached");
  };
  const auto first = start_job();
  wait_for(first, "failed");
  EXPECT_EQ(show(first)["error"], json({{"code", "stores_offline"}, {"message", "s1: cannot be reached"}}));
  EXPECT_TRUE(show(first)["result"].is_null());
  on_run_ = [](const json&, const server::JobProgress&, const CallOptions&) -> ordered_json {
    throw std::runtime_error("secret");
  };
  const auto second = start_job();
  wait_for(second, "failed");
  EXPECT_EQ(show(second)["error"]["code"], "internal");
  EXPECT_EQ(show(second).dump().find("secret"), std::string::npos);
}

TEST_F(JobsApiTest, JobsRunOneAfterTheOtherAndCanBeCancelled) {
  hold_all();
  const auto runs = start_job();
  wait_for(runs, "running");
  const auto waits = start_job("repair");
  EXPECT_EQ(show(waits)["state"], "queued");
  EXPECT_TRUE(show(waits)["started_at"].is_null());

  EXPECT_EQ(cancel(waits).status, 204);
  EXPECT_EQ(show(waits)["state"], "cancelled");
  EXPECT_EQ(cancel(waits).status, 204) << "it is what was asked for";

  const auto asked = cancel(runs);
  EXPECT_EQ(asked.status, 202);
  EXPECT_EQ(json_of(asked)["id"], runs);
  EXPECT_TRUE(wait_for(runs, "cancelled")["error"].is_null());
  EXPECT_EQ(runs_, 1) << "the other one never began";

  let_go();
  const auto done = start_job();
  wait_for(done, "done");
  const auto late = cancel(done);
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(code_of(late), "job_ended");
  EXPECT_EQ(show(done)["state"], "done");
  EXPECT_EQ(cancel("j0").status, 404);
  EXPECT_EQ(ask(head("GET /jobs/j0", "read")).status, 404);
}

TEST_F(JobsApiTest, AJobThatIsDoneAnywayIsNotCancelled) {
  std::promise<void> running;
  on_run_ = [&](const json&, const server::JobProgress&, const CallOptions&) {
    running.set_value();
    hold({});
    return ordered_json{{"all", "done"}};
  };
  const auto id = start_job();
  running.get_future().wait();
  EXPECT_EQ(cancel(id).status, 202);
  let_go();
  wait_for(id, "done");
  EXPECT_EQ(show(id)["result"]["all"], "done");
}

TEST_F(JobsApiTest, TheQueueIsBounded) {
  job_options_.queued = 2;
  hold_all();
  wait_for(start_job(), "running");
  const auto waits = start_job();
  start_job();
  const auto refused = post("verify");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(code_of(refused), "busy");
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  EXPECT_EQ(listed().size(), 3U) << "what was refused leaves nothing behind";
  EXPECT_EQ(cancel(waits).status, 204);
  start_job();
  EXPECT_EQ(post("verify").status, 503);
}

TEST_F(JobsApiTest, IsListedFromTheNewestOnPageByPage) {
  job_options_.kept = 3;
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    ids.insert(ids.begin(), start_job());
    wait_for(ids.front(), "done");
  }
  const auto first = json_of(ask(head("GET /jobs?limit=2", "read")));
  ASSERT_EQ(first["jobs"].size(), 2U);
  EXPECT_EQ(first["jobs"][0]["id"], ids[0]);
  EXPECT_FALSE(first["jobs"][0].contains("result"));
  EXPECT_EQ(first["next"], ids[1]);
  const auto rest = json_of(ask(head("GET /jobs?limit=2&after=" + ids[1], "read")));
  ASSERT_EQ(rest["jobs"].size(), 1U) << "the oldest is forgotten";
  EXPECT_EQ(rest["jobs"][0]["id"], ids[2]);
  EXPECT_TRUE(rest["next"].is_null()) << rest;
  EXPECT_EQ(listed(), std::vector(ids.begin(), ids.begin() + 3));
  EXPECT_TRUE(listed("?after=" + ids[2]).empty());
  EXPECT_TRUE(listed("?after=j0").empty());
  EXPECT_EQ(ask(head("GET /jobs?limit=0", "read")).status, 400);
  EXPECT_EQ(ask(head("GET /jobs/" + ids[3], "read")).status, 404);
}

TEST_F(JobsApiTest, WhenTheServerEndsItsJobsAreInterrupted) {
  hold_all();
  const auto runs = start_job();
  wait_for(runs, "running");
  const auto waits = start_job();
  server_.reset();
  jobs_.reset();
  for (const auto& id : {runs, waits}) {
    const auto row = registry_->job(id);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->state, JobState::interrupted);
    EXPECT_EQ(row->error_code, "interrupted");
    EXPECT_NE(row->ended_at, UtcTime());
  }
  EXPECT_EQ(runs_, 1);
  start();
  EXPECT_EQ(show(runs)["state"], "interrupted");
  const auto late = cancel(runs);
  EXPECT_EQ(late.status, 409);
}

TEST_F(JobsApiTest, OnlyJobsOfServersThatWereKilledAreInterrupted) {
  job_options_.lock_folder = folder_ / "servers";
  const server::ServerLock neighbour(job_options_.lock_folder, random_);
  std::string killed_id;
  {
    const server::ServerLock killed(job_options_.lock_folder, random_);
    killed_id = killed.id();
  }
  // A killed server leaves its file, without a lock.
  const auto left_behind = job_options_.lock_folder / (killed_id + ".lock");
  {
    const auto lock = FileLock::try_take(left_behind);
  }
  const auto add = [&](const std::string& id, const std::string& owner, JobState state) {
    registry::JobRow row;
    row.id = id;
    row.kind = "verify";
    row.arguments = "{}";
    row.owner = owner;
    row.state = state;
    registry_->add_job(row);
  };
  add("j1", killed_id, JobState::running);
  add("j2", killed_id, JobState::queued);
  add("j3", neighbour.id(), JobState::running);
  add("j4", "../../etc/passwd", JobState::running);
  add("j5", "0123456789abcdef", JobState::running);  // whose file is gone
  start();
  EXPECT_EQ(show("j1")["state"], "interrupted");
  EXPECT_EQ(show("j1")["error"]["code"], "interrupted");
  EXPECT_EQ(show("j2")["state"], "interrupted");
  EXPECT_EQ(show("j3")["state"], "running") << "its server lives";
  EXPECT_EQ(show("j4")["state"], "running");
  EXPECT_EQ(show("j5")["state"], "interrupted");
  EXPECT_FALSE(std::filesystem::exists(left_behind));
  const auto others = cancel("j3");
  EXPECT_EQ(others.status, 409);
  EXPECT_EQ(code_of(others), "job_of_another_server");
  jobs_->interrupt_lost_jobs();
  EXPECT_EQ(show("j3")["state"], "running");
  // Its own jobs are safe from another server that starts.
  hold_all();
  const auto own = start_job();
  wait_for(own, "running");
  server::JobRunner another(kinds_, *registry_, clock_, random_, events_, job_options_);
  EXPECT_EQ(show(own)["state"], "running");
  EXPECT_EQ(registry_->job(own)->state, JobState::running);
}

// A registry whose disk is full from some moment on.
class FullJobs final : public registry::Jobs {
 public:
  FullJobs(registry::Jobs& inner, const std::atomic<bool>& is_full) : inner_(inner), is_full_(is_full) {}
  void transaction(const std::function<void()>& work) override { inner_.transaction(work); }
  void add_job(const registry::JobRow& row) override { check(), inner_.add_job(row); }
  void change_job(const registry::JobRow& row) override { check(), inner_.change_job(row); }
  std::optional<registry::JobRow> job(const std::string& id) override { return inner_.job(id); }
  std::vector<registry::JobRow> jobs(const std::string& before, std::size_t limit) override {
    return inner_.jobs(before, limit);
  }
  std::vector<std::string> job_owners() override { return inner_.job_owners(); }
  std::vector<registry::JobRow> interrupt_jobs(const std::string& owner, UtcTime now, const std::string& code,
                                               const std::string& message) override {
    return inner_.interrupt_jobs(owner, now, code, message);
  }
  void forget_jobs(std::size_t keep) override { check(), inner_.forget_jobs(keep); }

 private:
  void check() const {
    if (is_full_) throw Error(ErrorKind::out_of_space, "registry", "the disk is full");
  }
  registry::Jobs& inner_;
  const std::atomic<bool>& is_full_;
};

TEST_F(JobsApiTest, AJobWhoseEndCannotBeWrittenDoesNotRunForEver) {
  std::atomic<bool> is_full = false;
  FullJobs full(*registry_, is_full);
  hold_all();
  server::JobRunner jobs(kinds_, full, clock_, random_, events_);
  const auto id = jobs.start("verify", json::object()).id;
  wait_for(id, "running");
  is_full = true;
  EXPECT_EQ(kind_thrown([&] { jobs.start("verify", json::object()); }), ErrorKind::out_of_space);
  let_go();
  wait_for(id, "done");
  is_full = false;
  EXPECT_TRUE(jobs.is_idle());
  EXPECT_EQ(jobs.find(id)->state, JobState::interrupted);
}

}  // namespace
}  // namespace modelfloat::test
