// Jobs and maintenance of a real pool.

#include "job_events.h"
#include "pool_service_fixture.h"
#include "support/thrown.h"

#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/server/maintainer.h"
#include "modelfloat/server/store_watch.h"
#include "modelfloat/server/transfer_report.h"

namespace modelfloat::server {
namespace {

class PoolJobsTest : public PoolServiceTest {
 protected:
  void SetUp() override {
    const auto uploaded = ask(upload_of("ns/m", "model.gguf", model_));
    ASSERT_EQ(uploaded.status, 201) << uploaded.body;
    id_ = json::parse(uploaded.body)["id"];
  }

  RawAnswer post(const std::string& kind, const json& body) {
    const auto text = body.dump();
    return ask(head("POST /api/v1/" + kind,
                    "Content-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) + "\r\n") +
               text);
  }
  json show(const std::string& id) { return json::parse(ask(head("GET /jobs/" + id)).body); }
  json ended(const std::string& id) {
    test::wait_for_job(events_, id,
                       [](const json& job) { return job["state"] != "queued" && job["state"] != "running"; });
    return show(id);
  }
  json run(const std::string& kind, const json& body) {
    const auto answer = post(kind, body);
    EXPECT_EQ(answer.status, 202) << answer.body;
    auto job = answer.status == 202 ? ended(json::parse(answer.body)["job"]) : json();
    EXPECT_EQ(job["state"], "done") << job;
    return job;
  }
  std::size_t remove_shards(std::size_t store) {
    std::vector<ObjectName> names;
    stores_[store]->list("mf1/shard/", [&](const store::ObjectInfo& info) { names.push_back(info.name); }, {});
    for (const auto& name : names) stores_[store]->remove(name, {});
    return names.size();
  }
  // A store that has shards, made empty.
  std::size_t lose_shards() {
    std::size_t lost = 0;
    for (std::size_t store = 0; store < k_stores && lost == 0; ++store) lost = remove_shards(store);
    EXPECT_GT(lost, 0U);
    return lost;
  }

  std::string id_;
};

TEST_F(PoolJobsTest, VerifyFindsAndRepairMends) {
  EXPECT_EQ(run("verify", {{"read", true}})["result"]["damaged"], json::array());
  const auto lost = lose_shards();
  const auto found = run("verify", json::object())["result"];
  EXPECT_EQ(found["damaged"].size(), lost);
  EXPECT_EQ(found["models"][0]["health"], "degraded");
  const auto would = run("repair", {{"dry_run", true}, {"model", id_}});
  EXPECT_EQ(would["arguments"], json({{"dry_run", true}, {"model", "ns/m"}})) << "an id stands for its name";
  EXPECT_EQ(would["result"]["shards_written"], lost);
  EXPECT_EQ(run("verify", {{"model", "ns/m"}})["result"]["damaged"].size(), lost);
  const auto repaired = run("repair", {{"budget_bytes", 1 << 30}, {"wait_for", {"s0"}}});
  EXPECT_EQ(repaired["result"]["shards_written"], lost);
  EXPECT_EQ(repaired["progress"]["done_bytes"], repaired["progress"]["total_bytes"]);
  EXPECT_EQ(run("verify", {{"read", true}, {"model", nullptr}})["result"]["damaged"], json::array());
}

TEST_F(PoolJobsTest, AStoreIsDrained) {
  const auto job = run("drain", {{"store", "s0"}});
  EXPECT_EQ(job["result"]["left"], 0);
  EXPECT_EQ(pool_->stores().find("s0")->use, StoreUse::draining);
  EXPECT_EQ(run("drain", {{"store", "s0"}, {"cancel", true}})["result"], json::object());
  EXPECT_EQ(pool_->stores().find("s0")->use, StoreUse::in_use);
  EXPECT_EQ(post("drain", {{"store", "s0"}, {"cancel", true}, {"dry_run", true}}).status, 400);
}

TEST_F(PoolJobsTest, APartIsReadAndADrillIsHeld) {
  const auto sample = run("verify", {{"sample_percent", 10}, {"budget_bytes", 1}});
  EXPECT_GT(sample["result"]["bytes_read"], 0) << "one object";
  const auto drill = run("drill", {{"without", {"s0"}}})["result"];
  EXPECT_EQ(drill["checked"], 1);
  EXPECT_EQ(drill["lost"], 0);
  EXPECT_EQ(run("rebalance", {{"dry_run", true}})["result"]["shards_left"], 0);
  for (const json& percent : {json(0), json(100.5), json("5%"), json(-1)})
    EXPECT_EQ(post("verify", {{"sample_percent", percent}}).status, 400) << percent;
  EXPECT_EQ(post("drill", {{"without", {"nowhere"}}}).status, 404);
}

TEST_F(PoolJobsTest, OptionsAreChecked) {
  const auto refused = [&](const std::string& kind, const json& body) {
    const auto answer = post(kind, body);
    return std::to_string(answer.status) + " " + json::parse(answer.body)["error"]["code"].get<std::string>();
  };
  EXPECT_EQ(refused("verify", {{"model", "ns/none"}}), "404 not_found");
  EXPECT_EQ(refused("verify", {{"model", 7}}), "400 invalid");
  EXPECT_EQ(refused("verify", {{"read", "yes"}}), "400 invalid");
  EXPECT_EQ(refused("verify", {{"budget_bytes", 7}}), "400 invalid");
  EXPECT_EQ(refused("verify", {{"read", true}, {"sample_percent", 7}}), "400 invalid");
  EXPECT_EQ(refused("rebalance", {{"model", "ns/m"}}), "400 unknown_field");
  EXPECT_EQ(refused("repair", {{"budget_bytes", -1}}), "400 invalid");
  EXPECT_EQ(refused("repair", {{"budget_bytes", 1.5}}), "400 invalid");
  EXPECT_EQ(refused("repair", {{"budget_bytes", UINT64_MAX}}), "400 invalid");
  EXPECT_EQ(refused("repair", {{"wait_for", "s0"}}), "400 invalid");
  EXPECT_EQ(refused("repair", {{"wait_for", {"s0", "none"}}}), "404 not_found");
  EXPECT_EQ(refused("drain", {{"store", "none"}}), "404 not_found");
  EXPECT_EQ(refused("drain", json::object()), "400 invalid");
  EXPECT_EQ(refused("drain", {{"store", nullptr}}), "400 invalid");
  EXPECT_EQ(json::parse(ask(head("GET /jobs")).body)["jobs"].size(), 0U);
  const auto kinds = job_kinds(*pool_, true);
  for (const auto& kind : kinds) {
    const auto thrown = test::kind_thrown([&] { kind.check({{"store", "s0"}}); });
    EXPECT_EQ(thrown == ErrorKind::denied, kind.name != "verify" && kind.name != "drill")
        << kind.name << " of a home that can only be read";
  }
}

TEST_F(PoolJobsTest, UploadsAndStoresAreTold) {
  std::vector<json> transfers;
  for (const auto& event : events_.wait(0, Milliseconds{0}, {}).events) {
    if (event->type == "transfer") transfers.push_back(json::parse(event->data));
  }
  ASSERT_GE(transfers.size(), 2U);
  EXPECT_EQ(transfers.front()["state"], "running");
  EXPECT_EQ(transfers.front()["direction"], "upload");
  EXPECT_GE(transfers.front()["total_bytes"].get<std::uint64_t>(), model_.size());
  EXPECT_EQ(transfers.back()["state"], "done");
  EXPECT_EQ(transfers.back()["model"], "ns/m");
  EXPECT_EQ(transfers.back()["done_bytes"], model_.size());
  EXPECT_EQ(transfers.back()["total_bytes"], model_.size());
  EXPECT_EQ(transfers.back()["id"], transfers.front()["id"]);

  EventLog events(clock_, random_);
  const StoreWatch watch(pool_->stores(), events);
  const auto told = [&](std::size_t count) {
    std::vector<json> list;
    while (list.size() < count) {
      const auto batch = events.wait(list.size(), Milliseconds{60'000}, {});
      if (batch.events.empty()) break;
      for (const auto& event : batch.events) list.push_back(json::parse(event->data));
    }
    return list;
  };
  EXPECT_EQ(told(k_stores).size(), k_stores) << "all are online";
  pool_->stores().find("s1")->state->read_failed(Error(ErrorKind::offline, "s1", "is gone"));
  const auto all = told(k_stores + 1);
  ASSERT_EQ(all.size(), k_stores + 1);
  EXPECT_EQ(all.back(), json({{"name", "s1"}, {"state", "offline"}}));
}

TEST_F(PoolJobsTest, AnUploadThatFailsIsTold) {
  EXPECT_EQ(ask(upload_of("ns/m", "../x", as_bytes("x"))).status, 400);
  const auto after = events_.newest() - 1;
  const auto last = events_.wait(after, Milliseconds{0}, {}).events.at(0);
  EXPECT_EQ(json::parse(last->data)["state"], "failed");
}

TEST_F(PoolJobsTest, DamageThatWasFoundIsRepairedByMaintenance) {
  const auto lost = lose_shards();
  std::optional<Maintainer> maintainer;
  maintainer.emplace(*pool_, *jobs_, MaintenancePolicy(), folder_ / "maintenance.lock");
  EXPECT_FALSE(maintainer->look()) << "it has not taken over";
  ASSERT_TRUE(maintainer->take_over());
  const auto jobs = [&] { return json::parse(ask(head("GET /jobs")).body)["jobs"]; };
  EXPECT_TRUE(maintainer->look());
  EXPECT_EQ(jobs().size(), 0U) << "nobody has found it yet";
  run("verify", json::object());
  EXPECT_TRUE(maintainer->look());
  ASSERT_EQ(jobs().size(), 2U);
  const auto job = ended(jobs()[0]["id"]);
  EXPECT_EQ(job["kind"], "repair");
  EXPECT_EQ(job["arguments"], json({{"by", "maintenance"}}));
  EXPECT_EQ(job["result"]["shards_written"], lost);
  const auto record = [&] {
    return maintenance_record_of(as_text(registry_->setting("maintenance").value_or(Bytes())));
  };
  EXPECT_EQ(job["id"], record().job);
  // Whoever maintains next learns how it ended.
  maintainer.reset();
  Maintainer next(*pool_, *jobs_, {}, folder_ / "maintenance.lock");
  ASSERT_TRUE(next.take_over());
  EXPECT_TRUE(next.look());
  EXPECT_EQ(record().job, "");
  EXPECT_NE(record().repaired_at, UtcTime());
  EXPECT_EQ(jobs().size(), 2U) << "nothing is left to do";
}

TEST_F(PoolJobsTest, AModelThatIsLoadedIsToldAsOneTransfer) {
  EventLog events(clock_, random_);
  const auto states = [&] {
    std::vector<std::string> list;
    for (const auto& event : events.wait(0, Milliseconds{0}, {}).events)
      list.push_back(json::parse(event->data)["state"]);
    return list;
  };
  using Step = runner::LoadProgress::Step;
  {
    LoadReport report(events, environment_, "ns/m");
    report.loaded();  // it was in memory
    EXPECT_TRUE(states().empty());
    report.progress({Step::fetching, 1, 9});
    report.progress({Step::fetching, 5, 9});
    report.progress({Step::starting, 9, 9});
    report.loaded();
  }
  EXPECT_EQ(states(), (std::vector<std::string>{"running", "done"}));
  const auto last = json::parse(events.wait(1, Milliseconds{0}, {}).events.at(0)->data);
  EXPECT_EQ(last["direction"], "pull");
  EXPECT_EQ(last["done_bytes"], 9);
  {
    LoadReport(events, environment_, "ns/m").progress({Step::fetching, 1, 9});
  }
  EXPECT_EQ(states().back(), "failed");
}

TEST_F(PoolJobsTest, OneServerOfAHomeMaintains) {
  auto first = std::make_unique<Maintainer>(*pool_, *jobs_, MaintenancePolicy(), folder_ / "maintenance.lock");
  Maintainer second(*pool_, *jobs_, {}, folder_ / "maintenance.lock");
  EXPECT_TRUE(first->take_over());
  testing::internal::CaptureStderr();
  EXPECT_FALSE(second.take_over());
  EXPECT_FALSE(second.take_over());
  const std::string said = testing::internal::GetCapturedStderr();
  const auto at = said.find("another server of this home maintains");
  EXPECT_NE(at, std::string::npos) << said;
  EXPECT_EQ(said.find("another server of this home maintains", at + 1), std::string::npos) << "once is enough";
  first.reset();
  EXPECT_TRUE(second.take_over());
  EXPECT_TRUE(second.look());
}

}  // namespace
}  // namespace modelfloat::server
