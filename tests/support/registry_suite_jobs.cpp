// Jobs of servers: those under way, and the history.
#include "support/registry_samples.h"
#include "support/registry_suite.h"

namespace modelfloat::registry {
namespace {

using namespace test;
using Ids = std::vector<std::string>;

JobRow job_of(const std::string& id, JobState state = JobState::queued, const std::string& owner = "one") {
  JobRow row;
  row.id = id;
  row.kind = "repair";
  row.arguments = R"({"dry_run":true})";
  row.state = state;
  row.owner = owner;
  row.created_at = UtcTime(Milliseconds(5));
  return row;
}

Ids ids_of(const std::vector<JobRow>& rows) {
  Ids ids;
  for (const auto& row : rows) ids.push_back(row.id);
  return ids;
}

TEST_P(RegistrySuite, AJobIsKeptAsItWasChangedLast) {
  EXPECT_EQ(registry_->job("a"), std::nullopt);
  JobRow row = job_of("a");
  registry_->add_job(row);
  EXPECT_THROW(registry_->add_job(row), Error);
  EXPECT_THROW(registry_->change_job(job_of("b")), Error);
  row.state = JobState::failed;
  row.started_at = UtcTime(Milliseconds(6));
  row.ended_at = UtcTime(Milliseconds(7));
  row.done_bytes = UINT64_MAX;
  row.total_bytes = 9;
  row.result = "{}";
  row.error_code = "internal";
  row.error_message = "it's broken";
  registry_->change_job(row);
  reopen();
  EXPECT_EQ(registry_->job("a"), row);
  row.result.clear();
  EXPECT_EQ(registry_->jobs("", 10), std::vector<JobRow>{row}) << "lists have no results";
}

TEST_P(RegistrySuite, JobsAreListedFromTheNewestOnPageByPage) {
  // Neither ids nor times decide: two jobs may be added in one millisecond.
  for (const auto* id : {"c", "a", "d", "b"}) registry_->add_job(job_of(id));
  EXPECT_EQ(ids_of(registry_->jobs("", 3)), (Ids{"b", "d", "a"}));
  EXPECT_EQ(ids_of(registry_->jobs("a", 3)), (Ids{"c"}));
  EXPECT_EQ(ids_of(registry_->jobs("c", 3)), Ids());
  EXPECT_EQ(ids_of(registry_->jobs("none", 3)), Ids());
}

TEST_P(RegistrySuite, OnlyTheUnfinishedJobsOfOneOwnerAreInterrupted) {
  registry_->add_job(job_of("waits", JobState::queued, "gone"));
  registry_->add_job(job_of("runs", JobState::running, "gone"));
  registry_->add_job(job_of("done", JobState::done, "gone"));
  registry_->add_job(job_of("other", JobState::running, "alive"));
  EXPECT_EQ(registry_->job_owners(), (std::vector<std::string>{"alive", "gone"}));
  const UtcTime now(Milliseconds(99));
  const auto changed = registry_->interrupt_jobs("gone", now, "interrupted", "it was killed");
  EXPECT_EQ(ids_of(changed), (Ids{"waits", "runs"}));
  reopen();
  EXPECT_EQ(registry_->job("runs"), changed[1]);
  EXPECT_EQ(changed[1].state, JobState::interrupted);
  EXPECT_EQ(changed[1].ended_at, now);
  EXPECT_EQ(changed[1].error_message, "it was killed");
  EXPECT_EQ(registry_->job("done"), job_of("done", JobState::done, "gone"));
  EXPECT_EQ(registry_->job("other"), job_of("other", JobState::running, "alive"));
  EXPECT_EQ(registry_->job_owners(), std::vector<std::string>{"alive"});
  EXPECT_TRUE(registry_->interrupt_jobs("gone", now, "", "").empty());
}

TEST_P(RegistrySuite, OldJobsAreForgottenUnlessTheyAreUnderWay) {
  registry_->add_job(job_of("a", JobState::running));
  for (const auto* id : {"b", "c", "d"}) registry_->add_job(job_of(id, JobState::cancelled));
  registry_->add_job(job_of("e", JobState::queued));
  registry_->forget_jobs(2);
  EXPECT_EQ(ids_of(registry_->jobs("", 10)), (Ids{"e", "d", "c", "a"}));
  registry_->forget_jobs(0);
  EXPECT_EQ(ids_of(registry_->jobs("", 10)), (Ids{"e", "a"}));
}

}  // namespace
}  // namespace modelfloat::registry
