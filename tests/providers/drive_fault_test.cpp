// Google Drive when its server refuses, breaks off, hangs, or asks to wait.

#include <map>
#include <set>
#include <thread>

#include "providers/drive_faults.h"
#include "providers/every_call.h"

namespace modelfloat::test {
namespace {

using namespace drive;
using namespace std::chrono_literals;
using nlohmann::json;

struct Fault {
  json plan;
  ErrorKind kind;
  Milliseconds wait{0};  // at least so long the caller is asked to stay away
};

std::vector<Fault> refusals() {
  const auto refusal = [](int status, const char* reason, ErrorKind kind, Milliseconds wait = Milliseconds(0)) {
    return Fault{{{"status", status}, {"reason", reason}}, kind, wait};
  };
  std::vector<Fault> all = {
      refusal(403, "userRateLimitExceeded", ErrorKind::rate_limited, 1s),
      refusal(403, "rateLimitExceeded", ErrorKind::rate_limited, 1s),
      refusal(429, "rateLimitExceeded", ErrorKind::rate_limited, 1s),
      refusal(403, "quotaExceeded", ErrorKind::rate_limited, 1s),
      refusal(403, "sharingRateLimitExceeded", ErrorKind::rate_limited, 1s),
      refusal(403, "dailyLimitExceeded", ErrorKind::rate_limited, 1h),
      refusal(403, "dailyLimitExceededUnreg", ErrorKind::rate_limited, 1h),
      refusal(403, "downloadQuotaExceeded", ErrorKind::rate_limited, 1h),
      refusal(403, "uploadLimitExceeded", ErrorKind::rate_limited, 1h),
      refusal(403, "storageQuotaExceeded", ErrorKind::out_of_space),
      refusal(403, "teamDriveFileLimitExceeded", ErrorKind::out_of_space),
      refusal(403, "numChildrenInNonRootLimitExceeded", ErrorKind::out_of_space),
      refusal(403, "activeItemCreationLimitExceeded", ErrorKind::out_of_space),
      refusal(403, "accessNotConfigured", ErrorKind::denied),
      refusal(403, "appNotAuthorizedToFile", ErrorKind::denied),
      refusal(403, "insufficientPermissions", ErrorKind::denied),
      refusal(403, "neverHeardOf", ErrorKind::denied),
      refusal(409, "conflict", ErrorKind::transient),
      refusal(412, "conditionNotMet", ErrorKind::transient),
      refusal(500, "internalError", ErrorKind::transient),
      refusal(502, "backendError", ErrorKind::transient),
      refusal(503, "backendError", ErrorKind::transient),
  };
  all.push_back({{{"status", 429}, {"headers", {{"Retry-After", "7"}}}, {"reason", "userRateLimitExceeded"}},
                 ErrorKind::rate_limited,
                 7s});
  all.push_back(
      {{{"status", 503}, {"headers", {{"Retry-After", "9"}}}, {"body", "busy"}}, ErrorKind::rate_limited, 9s});
  all.push_back({{{"status", 403}, {"body", "<html>no JSON</html>"}}, ErrorKind::denied});
  all.push_back({{{"status", 409}, {"body", "<html>no JSON</html>"}}, ErrorKind::transient});
  all.push_back({{{"status", 412}, {"body", "<html>no JSON</html>"}}, ErrorKind::transient});
  all.push_back({{{"hang_up", true}}, ErrorKind::transient});
  return all;
}

// Each refusal of each call: the right kind, the right wait, nothing half done; and then it works.
TEST_F(DriveFaults, EachCallRefusedInEachWay) {
  std::uint64_t seed = 1000;
  for (const Operation& operation : operations()) {
    for (const std::string& call : operation.calls) {
      for (const Fault& fault : refusals()) {
        SCOPED_TRACE(operation.name + ", " + call + ": " + fault.plan.dump());
        const ObjectName name = shard_name(++seed);
        const Bytes bytes = random_bytes(operation.size, seed);
        clock_.advance(1s);  // of uploads that are under way the oldest are forgotten
        operation.prepare(server_, *open(), name, bytes);
        const auto fresh = open();
        json plan = fault.plan;
        plan["call"] = call;
        server_.fault(plan);
        const auto error = failure_of([&] { operation.work(*fresh, name, bytes, k_no_deadline); });
        // A connection that was kept and turns out dead is replaced without a word, and an id that
        // is taken by another one.
        const bool takes_an_id = call == "files.create.multipart" || call == "files.create.resumable";
        ASSERT_TRUE(error || plan.contains("hang_up") || (takes_an_id && plan.value("status", 0) == 409));
        EXPECT_GE(server_.calls(call), 1U);
        if (error) {
          EXPECT_EQ(error->kind, fault.kind) << error->what();
          EXPECT_GE(error->retry_after.value_or(0ms), fault.wait);
        }
        if (operation.puts) {
          EXPECT_LE(files_of(name), 1U);
        }
        operation.work(*fresh, name, bytes, k_no_deadline);
        if (operation.puts) {
          EXPECT_TRUE(fresh->get(name, k_all, k_no_deadline) == bytes);
          EXPECT_EQ(files_of(name), 1U);
        }
        server_.clear();
      }
    }
  }
}

// What is not there for one call is looked for again, made again, or absent; an object that a
// listing has is never lost by it.
TEST_F(DriveFaults, EachCallThatDoesNotFindWhatItIsAbout) {
  // Those that are not answered by looking again.
  const std::map<std::pair<std::string, std::string>, ErrorKind> others = {
      {{"put large", "upload.chunk"}, ErrorKind::transient},  // the upload is forgotten
      {{"get", "files.get.media"}, ErrorKind::corrupt},       // the operation's own word for an absent object
      {{"get range", "files.get.media"}, ErrorKind::corrupt}, {{"stat", "files.get"}, ErrorKind::corrupt},
      {{"space", "about.get"}, ErrorKind::not_found},
  };
  std::uint64_t seed = 8000;
  for (const Operation& operation : operations()) {
    for (const std::string& call : operation.calls) {
      SCOPED_TRACE(operation.name + ", " + call);
      const ObjectName name = shard_name(++seed);
      const Bytes bytes = random_bytes(operation.size, seed);
      operation.prepare(server_, *open(), name, bytes);
      const auto fresh = open();
      server_.fault({{"call", call}, {"status", 404}, {"reason", "notFound"}});
      const auto kind = kind_thrown([&] { operation.work(*fresh, name, bytes, k_no_deadline); });
      const auto other = others.find({operation.name, call});
      EXPECT_EQ(kind, other == others.end() ? std::nullopt : std::optional(other->second));
      EXPECT_GE(server_.calls(call), 1U);
      server_.clear();
      const auto again = open();
      operation.work(*again, name, bytes, k_no_deadline);
      if (operation.puts) {
        EXPECT_TRUE(again->get(name, k_all, k_no_deadline) == bytes);
        EXPECT_EQ(files_of(name), 1U);
      }
    }
  }
}

// On a shared drive, a member who may not delete puts it into the trash instead.
TEST_F(DriveFaults, TheTrashRefusedInEachWay) {
  std::string drive;
  const auto settings = server_.new_service_account(drive);
  const std::string url = "drive://" + drive + "/models";
  RealContext own;  // for it signs its requests with the time
  ListeningDialogue dialogue;
  auto prepared = settings;
  store::prepare_new_store(url, prepared, own.context(), dialogue, {});
  std::uint64_t seed = 0;
  for (const Fault& fault : refusals()) {
    SCOPED_TRACE(fault.plan.dump());
    const auto store = store::make_store(url, settings, own.context());
    const ObjectName name = shard_name(++seed);
    store->put(name, random_bytes(10), k_no_deadline);
    server_.fault({{"call", "files.delete"}, {"times", 9}, {"status", 403}, {"reason", "insufficientFilePermissions"}});
    json plan = fault.plan;
    plan["call"] = "files.update";
    server_.fault(plan);
    const auto error = thrown_by([&] { store->remove(name, k_no_deadline); });
    ASSERT_TRUE(error || plan.contains("hang_up"));
    if (error) {
      EXPECT_EQ(error->kind, fault.kind) << error->what();
      EXPECT_GE(error->retry_after.value_or(0ms), fault.wait);
      EXPECT_TRUE(store->stat(name, k_no_deadline));
    }
    store->remove(name, k_no_deadline);
    EXPECT_FALSE(store->stat(name, k_no_deadline));
    EXPECT_EQ(listed(*store), 0U);
    server_.clear();
  }
}

// Each call, before it answers and in the middle of its answer: nothing is lost by it.
TEST_F(DriveFaults, AStalledOrCreepingServerIsLeftAtTheDeadline) {
  const std::set<std::string> without_body = {"files.delete", "files.create.resumable", "upload.status"};
  std::uint64_t seed = 12'000;
  for (const json& plan :
       {json{{"stall", true}}, json{{"after", 1}, {"then", "stall"}}, json{{"after", 1}, {"then", "slow"}}}) {
    for (const Operation& operation : operations()) {
      for (const std::string& call : operation.calls) {
        if (plan.contains("after") && without_body.contains(call)) continue;
        json fault = plan;
        fault["call"] = call;
        SCOPED_TRACE(operation.name + ": " + fault.dump());
        const ObjectName name = shard_name(++seed);
        const Bytes bytes = random_bytes(operation.size, seed);
        clock_.advance(1s);  // of uploads that are under way the oldest are forgotten
        operation.prepare(server_, *open(), name, bytes);
        const auto fresh = open();
        server_.fault(fault);
        CallOptions soon;
        soon.deadline = std::chrono::steady_clock::now() + 300ms;
        EXPECT_EQ(kind_of([&] { operation.work(*fresh, name, bytes, soon); }), ErrorKind::timed_out);
        EXPECT_GE(server_.calls(call), 1U);
        server_.clear();
        if (operation.name == "remove" && plan.contains("stall")) {
          EXPECT_TRUE(fresh->get(name, k_all, k_no_deadline) == bytes);
        }
        operation.work(*fresh, name, bytes, k_no_deadline);
        if (operation.puts) {
          EXPECT_TRUE(fresh->get(name, k_all, k_no_deadline) == bytes);
          EXPECT_EQ(files_of(name), 1U);
        }
      }
    }
  }
}

TEST_F(DriveFaults, AStopEndsEveryCallThatHangs) {
  std::uint64_t seed = 13'000;
  for (const Operation& operation : operations()) {
    for (const std::string& call : operation.calls) {
      SCOPED_TRACE(operation.name + ": " + call);
      const ObjectName name = shard_name(++seed);
      const Bytes bytes = random_bytes(operation.size, seed);
      clock_.advance(1s);  // of uploads that are under way the oldest are forgotten
      operation.prepare(server_, *open(), name, bytes);
      const auto fresh = open();
      server_.clear();
      server_.fault({{"call", call}, {"stall", true}});
      std::stop_source stop;
      CallOptions options;
      options.stop = stop.get_token();
      const std::jthread stopper([&] {
        while (server_.calls(call) == 0 && !stop.stop_requested()) std::this_thread::yield();
        stop.request_stop();
      });
      EXPECT_EQ(kind_of([&] { operation.work(*fresh, name, bytes, options); }), ErrorKind::cancelled);
      stop.request_stop();  // also where the call never came
      server_.clear();
      operation.work(*fresh, name, bytes, k_no_deadline);
    }
  }
}

TEST_F(DriveFaults, NobodyThereIsOffline) {
  settings_.api_url = "http://127.0.0.1:1";
  const auto store = open();
  expect_every_call_fails(*store, ErrorKind::offline);
}

TEST_F(DriveFaults, ASharedDriveThatIsGoneIsOffline) {
  const auto store = store::make_store("drive://gone/models", settings_, context());
  expect_every_call_fails(*store, ErrorKind::offline);
}

TEST_F(DriveFaults, TooManyRequestsAreAnsweredByLongerAndLongerWaits) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  const auto retrying = open_retrying();
  server_.fault({{"call", "files.get.media"}, {"times", 3}, {"status", 403}, {"reason", "userRateLimitExceeded"}});
  EXPECT_TRUE(retrying->get(shard_name(1), k_all, k_no_deadline));
  const auto sleeps = clock_.sleeps();
  ASSERT_EQ(sleeps.size(), 3U);
  EXPECT_GE(sleeps[0], 1s);
  EXPECT_GE(sleeps[1], 2s);
  EXPECT_GE(sleeps[2], 4s);
  EXPECT_LT(sleeps[2], 8s);
}

TEST_F(DriveFaults, RetryAfterIsObeyed) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  SystemClock clock;
  const auto retrying = store::make_retrying(store::make_store(url_, settings_, {clock, random_, context_->vault()}),
                                             store::RetryLimits(), clock, random_);
  server_.clear();
  server_.fault({{"call", "files.get.media"},
                 {"status", 429},
                 {"headers", {{"Retry-After", "1"}}},
                 {"reason", "userRateLimitExceeded"}});
  EXPECT_TRUE(retrying->get(shard_name(1), k_all, k_no_deadline));
  std::vector<double> times;
  const json seen = server_.control("seen");
  for (const json& entry : seen["log"]) {
    if (entry[0] == "files.get.media") times.push_back(entry[1]);
  }
  ASSERT_EQ(times.size(), 2U);
  EXPECT_GE(times[1] - times[0], 1.0);
}

TEST_F(DriveFaults, APausedStoreIsNotAskedAgain) {
  const auto retrying = open_retrying();
  server_.fault({{"call", "files.create.multipart"}, {"times", 9}, {"status", 403}, {"reason", "uploadLimitExceeded"}});
  const auto error = failure_of([&] { retrying->put(shard_name(1), random_bytes(10), k_no_deadline); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::rate_limited);
  EXPECT_GE(*error->retry_after, 1h);
  EXPECT_EQ(server_.calls("files.create.multipart"), 1U);
  EXPECT_TRUE(clock_.sleeps().empty());
}

}  // namespace
}  // namespace modelfloat::test
