// Google Drive when its server refuses, breaks off, lies, or does what it says it did not.

#include <functional>
#include <map>
#include <regex>
#include <set>
#include <thread>

#include "providers/drive_server.h"
#include "providers/every_call.h"
#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include <gmock/gmock.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/drive/address.h"
#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::size_t k_small = 100'000;    // one request
constexpr std::size_t k_large = 6'000'000;  // a resumable upload

class DriveFaults : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_variable(k_drive_variable)) GTEST_SKIP() << unless_set(k_drive_variable);
    server_.clear();
    use_account(json::object());
  }
  void TearDown() override {
    if (server_variable(k_drive_variable)) {
      server_.control("index", {{"frozen", false}});
      server_.clear();
    }
  }

  void use_account(const json& wishes) {
    settings_ = server_.new_account(wishes);
    context_.emplace();
    ListeningDialogue dialogue;
    store::prepare_new_store(url_, settings_, context(), dialogue, {});
    store_ = open();
  }
  store::StoreContext context() { return {clock_, random_, context_->vault()}; }
  std::unique_ptr<store::Store> open() { return store::make_store(url_, settings_, context()); }
  // As the program uses it, but in a time that passes only by waiting.
  std::unique_ptr<store::Store> open_retrying() {
    return store::make_retrying(open(), store::RetryLimits(), clock_, random_);
  }

  // What the work throws; no secret is in it.
  std::optional<Error> failure_of(const std::function<void()>& work) {
    try {
      work();
      return std::nullopt;
    } catch (const Error& error) {
      for (const char* name : {"client_secret", "refresh_token"}) {
        EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr(std::string(*settings_.credentials.find(name)))));
      }
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("ya29.")));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("upload_id")));
      EXPECT_THAT(error.where, testing::HasSubstr(url_));
      return error;
    }
  }
  std::optional<ErrorKind> kind_of(const std::function<void()>& work) {
    const auto error = failure_of(work);
    return error ? std::optional(error->kind) : std::nullopt;
  }

  static std::string leaf(const ObjectName& name) { return store::drive::place_of(name).leaf; }
  std::uint64_t files_of(const ObjectName& name) { return server_.files_called(leaf(name), settings_.credentials); }
  std::size_t listed(store::Store& store) {
    std::size_t count = 0;
    store.list("", [&](const store::ObjectInfo&) { ++count; }, k_no_deadline);
    return count;
  }

  DriveServer server_;
  const std::string url_ = "drive:" + fresh_name();
  FakeClock clock_;
  FixedRandom random_{7};
  std::optional<RealContext> context_;
  store::StoreSettings settings_;
  std::unique_ptr<store::Store> store_;
};

// One operation, and the calls that it makes when it is the first of a new handle.
struct Operation {
  std::string name;
  std::vector<std::string> calls;
  std::function<void(store::Store&, const ObjectName&, const Bytes&, const CallOptions&)> work;
  std::size_t size = k_small;
  bool puts = false;
  // What has to go before it, where that is more than the object's being there.
  std::function<void(DriveServer&, store::Store&, const ObjectName&, const Bytes&)> before = {};

  void prepare(DriveServer& server, store::Store& store, const ObjectName& object, const Bytes& bytes) const {
    if (before) return before(server, store, object, bytes);
    if (!puts) store.put(object, bytes, k_no_deadline);
  }
};

const json k_cut_in_the_middle = {
    {"call", "upload.chunk"}, {"read_status", 3'000'000}, {"status", 503}, {"reason", "backendError"}};

std::vector<Operation> operations() {
  const auto put = [](store::Store& store, const ObjectName& name, const Bytes& bytes, const CallOptions& options) {
    store.put(name, bytes, options);
  };
  return {
      {"put", {"files.list", "files.generateIds", "files.create.multipart"}, put, k_small, true},
      {"put large", {"files.create.resumable", "upload.chunk"}, put, k_large, true},
      {"put the rest",
       {"upload.status"},
       put,
       k_large,
       true,
       [](DriveServer& server, store::Store& store, auto& name, auto& bytes) {
         server.fault(k_cut_in_the_middle);
         EXPECT_EQ(kind_thrown([&] { store.put(name, bytes, k_no_deadline); }), ErrorKind::transient);
       }},
      {"put into a folder that has to be made",
       {"files.create"},
       put,
       k_small,
       true,
       [](DriveServer& server, store::Store& store, auto&, auto&) {
         server.control("trash", {{"name", "shard"}});
         store.list("", [](const store::ObjectInfo&) {}, k_no_deadline);  // which finds that out
       }},
      {"get",
       {"files.list", "files.get.media"},
       [](auto& store, auto& name, auto& bytes, auto& options) {
         if (store.get(name, k_all, options) != bytes) throw Error(ErrorKind::corrupt, "test", "other bytes, or none");
       }},
      {"get range",
       {"files.list", "files.get.media"},
       [](auto& store, auto& name, auto& bytes, auto& options) {
         const auto part = store.get(name, ByteRange{1000, 5000}, options);
         if (!part || !equal(*part, ByteSpan(bytes).subspan(1000, 5000)))
           throw Error(ErrorKind::corrupt, "test", "other bytes, or none");
       }},
      {"stat",
       {"files.list", "files.get"},
       [](auto& store, auto& name, auto& bytes, auto& options) {
         const auto info = store.stat(name, options);
         if (!info || info->size_bytes != bytes.size())
           throw Error(ErrorKind::corrupt, "test", "another size, or none");
       }},
      {"remove",
       {"files.list", "files.delete"},
       [](auto& store, auto& name, auto&, auto& options) { store.remove(name, options); }},
      {"list",
       {"files.list"},
       [](auto& store, auto& name, auto&, auto& options) {
         bool found = false;
         store.list("mf1/shard/", [&](const store::ObjectInfo& info) { found = found || info.name == name; }, options);
         if (!found) throw Error(ErrorKind::corrupt, "test", "not listed");
       }},
      {"space", {"about.get"}, [](auto& store, auto&, auto&, auto& options) { store.space(options); }},
  };
}

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

// The work is done, but the answer says that it was not, or never comes: the second try finds it,
// and makes nothing twice.
TEST_F(DriveFaults, StoredThoughAnErrorWasSaid) {
  std::uint64_t seed = 5000;
  for (const Operation& operation : operations()) {
    if ((!operation.puts && operation.name != "remove") || operation.name == "put the rest") continue;
    for (json plan :
         {json{{"hang_up", true}}, json{{"status", 500}}, json{{"status", 429}, {"reason", "rateLimitExceeded"}},
          json{{"garbage", "{}"}}, json{{"garbage", ""}}}) {
      // A success is a success.
      if (operation.name == "remove" && plan.contains("garbage")) continue;
      SCOPED_TRACE(operation.name + ": " + plan.dump());
      const ObjectName name = shard_name(++seed);
      const Bytes bytes = random_bytes(operation.size, seed);
      operation.prepare(server_, *open(), name, bytes);
      const auto retrying = open_retrying();
      plan["call"] = operation.calls.back();
      plan["work"] = true;
      server_.fault(plan);
      operation.work(*retrying, name, bytes, k_no_deadline);
      EXPECT_EQ(files_of(name), operation.puts ? 1U : 0U);
      if (operation.puts) {
        EXPECT_TRUE(retrying->get(name, k_all, k_no_deadline) == bytes);
        // Two folders of one name are as good as one.
        if (!plan.contains("hang_up") && operation.calls.back() != "files.create") {
          EXPECT_EQ(server_.calls(operation.calls.back()), 1U) << "sent twice";
        }
      }
      server_.clear();
    }
  }
}

TEST_F(DriveFaults, StoredThoughAnErrorWasSaidWhileListingsAreBehind) {
  const Bytes bytes = random_bytes(k_small);
  server_.control("index", {{"frozen", true}});
  server_.fault({{"call", "files.create.multipart"}, {"status", 500}, {"work", true}});
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(files_of(shard_name(1)), 1U);
}

TEST_F(DriveFaults, ListingsThatAreBehindDeceiveNobody) {
  const Bytes bytes = random_bytes(k_small);
  store_->put(shard_name(1), bytes, k_no_deadline);
  server_.control("index", {{"frozen", true}});
  store_->put(shard_name(2), bytes, k_no_deadline);
  EXPECT_TRUE(store_->traits().delayed_listing);
  EXPECT_EQ(store_->stat(shard_name(2), k_no_deadline)->size_bytes, k_small);
  EXPECT_TRUE(store_->get(shard_name(2), k_all, k_no_deadline) == bytes);
  store_->put(shard_name(2), bytes, k_no_deadline);
  EXPECT_EQ(files_of(shard_name(2)), 1U);
  store_->remove(shard_name(1), k_no_deadline);
  store_->remove(shard_name(2), k_no_deadline);
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));
  EXPECT_FALSE(store_->get(shard_name(2), k_all, k_no_deadline));
  EXPECT_EQ(listed(*store_), 0U);
  const auto other = open();  // knows nothing but what is listed
  EXPECT_FALSE(other->stat(shard_name(1), k_no_deadline));
  EXPECT_FALSE(other->get(shard_name(1), k_all, k_no_deadline));
  other->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(other->get(shard_name(1), k_all, k_no_deadline) == bytes);
}

TEST_F(DriveFaults, SuccessSaidButNotStoredIsFoundByStat) {
  for (const auto& [call, size] : {std::pair("files.create.multipart", k_small), std::pair("upload.chunk", k_large)}) {
    const ObjectName name = shard_name(size);
    const Bytes bytes = random_bytes(size);
    server_.fault({{"call", call}, {"lose", true}});
    store_->put(name, bytes, k_no_deadline);
    EXPECT_FALSE(store_->stat(name, k_no_deadline));
    EXPECT_FALSE(store_->get(name, k_all, k_no_deadline));
    store_->put(name, bytes, k_no_deadline);
    EXPECT_TRUE(store_->get(name, k_all, k_no_deadline) == bytes);
  }
}

TEST_F(DriveFaults, OtherBytesThanWereSentAreRemoved) {
  for (const auto& [call, size] : {std::pair("files.create.multipart", k_small), std::pair("upload.chunk", k_large)}) {
    const ObjectName name = shard_name(size);
    const Bytes bytes = random_bytes(size);
    server_.fault({{"call", call}, {"flip", 5000}});
    EXPECT_EQ(kind_of([&] { store_->put(name, bytes, k_no_deadline); }), ErrorKind::transient);
    EXPECT_EQ(files_of(name), 0U);
    EXPECT_FALSE(store_->stat(name, k_no_deadline));
    store_->put(name, bytes, k_no_deadline);
    EXPECT_TRUE(store_->get(name, k_all, k_no_deadline) == bytes);
  }
}

TEST_F(DriveFaults, AnUploadGoesOnWhereItWasCutAlsoAfterARestart) {
  const Bytes bytes = random_bytes(k_large);
  server_.fault({{"call", "upload.chunk"}, {"read_status", 4'000'000}, {"status", 503}, {"reason", "backendError"}});
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  store_ = open();
  server_.fault({{"call", "upload.chunk"}, {"read_status", 1'000'000}, {"status", 503}, {"reason", "backendError"}});
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  store_ = open();
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
  EXPECT_EQ(server_.calls("files.create.resumable"), 1U) << "begun again";
  EXPECT_EQ(server_.calls("upload.status"), 2U);
  EXPECT_EQ(server_.calls("upload.chunk"), 3U);
  EXPECT_EQ(files_of(shard_name(1)), 1U);
}

// Drive goes on to say of an upload's address what came of it.
TEST_F(DriveFaults, AnUploadThatEndedInAFileWhichIsGoneIsNoObject) {
  const Bytes bytes = random_bytes(k_large);
  store_->put(shard_name(1), bytes, k_no_deadline);
  store_->remove(shard_name(1), k_no_deadline);
  store_ = open();
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
  store_->put(shard_name(1), random_bytes(k_large, 2), k_no_deadline);
  store_ = open();
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
  EXPECT_EQ(listed(*store_), 1U);
}

TEST_F(DriveFaults, AnUploadIsCutAtAnyByte) {
  const Bytes bytes = random_bytes(k_large, 3);
  std::uint64_t seed = 100;
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{262'143}, std::size_t{262'144},
                               std::size_t{262'145}, k_large - 1}) {
    const ObjectName name = shard_name(++seed);
    server_.fault({{"call", "upload.chunk"}, {"read", at}});
    const auto kind = kind_of([&] { store_->put(name, bytes, k_no_deadline); });
    EXPECT_EQ(kind.value_or(ErrorKind::transient), ErrorKind::transient)
        << at;  // the HTTP client may have sent it again itself
    store_->put(name, bytes, k_no_deadline);
    EXPECT_TRUE(store_->get(name, k_all, k_no_deadline) == bytes) << at;
    EXPECT_EQ(files_of(name), 1U) << at;
  }
}

TEST_F(DriveFaults, AnUploadThatTheServerForgotBeginsAgain) {
  const Bytes bytes = random_bytes(k_large);
  server_.fault(k_cut_in_the_middle);
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  server_.control("lose_sessions");
  store_ = open();
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
  EXPECT_EQ(files_of(shard_name(1)), 1U);
}

TEST_F(DriveFaults, AnotherContentDoesNotGoOnWithAnUpload) {
  server_.fault(k_cut_in_the_middle);
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(1), random_bytes(k_large, 1), k_no_deadline); }),
            ErrorKind::transient);
  const Bytes other = random_bytes(k_large, 2);
  store_->put(shard_name(1), other, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == other);
}

TEST_F(DriveFaults, WhatComesDamagedIsNeverTakenForTheObject) {
  const Bytes bytes = random_bytes(k_small);
  store_->put(shard_name(1), bytes, k_no_deadline);
  struct Case {
    json plan;
    ErrorKind kind;
  };
  const std::vector<Case> cases = {
      {{{"after", 0}, {"then", "reset"}}, ErrorKind::transient},
      {{{"after", 50'000}, {"then", "reset"}}, ErrorKind::transient},
      {{{"after", 0}, {"then", "end"}}, ErrorKind::transient},
      {{{"after", 50'000}, {"then", "end"}}, ErrorKind::transient},
      {{{"short", 1}}, ErrorKind::corrupt},
      {{{"short", 100'000}}, ErrorKind::corrupt},
      {{{"long", 1}}, ErrorKind::corrupt},
      {{{"garbage", "{}"}}, ErrorKind::corrupt},
      {{{"garbage", ""}}, ErrorKind::corrupt},
  };
  for (const Case& one : cases) {
    json plan = one.plan;
    plan.update({{"call", "files.get.media"}, {"times", 99}});
    server_.fault(plan);
    EXPECT_EQ(kind_of([&] { store_->get(shard_name(1), k_all, k_no_deadline); }), one.kind) << plan.dump();
    const auto kind = kind_of([&] { store_->get(shard_name(1), ByteRange{10, 90'000}, k_no_deadline); });
    EXPECT_TRUE(kind == ErrorKind::transient || kind == ErrorKind::corrupt) << plan.dump();
    server_.clear();
    EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
  }
}

// Whose bytes they are is proved by our own tags and names, for Drive does not do it; that what is
// wrong goes unnoticed here is what those are for.
TEST_F(DriveFaults, AFlippedBitIsShownByTheName) {
  const Bytes bytes = random_bytes(k_small);
  const ObjectName name = ObjectName::of(ObjectType::shard, crypto::blake3(bytes));
  store_->put(name, bytes, k_no_deadline);
  server_.fault({{"call", "files.get.media"}, {"flip", 5000}});
  const auto wrong = store_->get(name, k_all, k_no_deadline);
  ASSERT_TRUE(wrong);
  EXPECT_NE(crypto::blake3(*wrong), *name.hash());
  EXPECT_EQ(crypto::blake3(*store_->get(name, k_all, k_no_deadline)), *name.hash());
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

TEST_F(DriveFaults, AFullDriveTakesNoMoreAndKeepsWhatItHas) {
  use_account({{"limit", 20'000'000}});
  const Bytes large = random_bytes(k_large);
  store_->put(shard_name(1), large, k_no_deadline);
  store_->put(shard_name(2), large, k_no_deadline);
  store_->put(shard_name(3), large, k_no_deadline);
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(4), large, k_no_deadline); }), ErrorKind::out_of_space);
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(5), random_bytes(3'000'000), k_no_deadline); }),
            ErrorKind::out_of_space);
  EXPECT_LT(*store_->space(k_no_deadline).free_bytes, 3'000'000U);
  EXPECT_EQ(listed(*store_), 3U);
  store_->remove(shard_name(1), k_no_deadline);
  store_->put(shard_name(4), large, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(4), k_all, k_no_deadline) == large);
}

TEST_F(DriveFaults, FullInTheMiddleOfAnUpload) {
  server_.fault(
      {{"call", "upload.chunk"}, {"read_status", 1'000'000}, {"status", 403}, {"reason", "storageQuotaExceeded"}});
  const Bytes bytes = random_bytes(k_large);
  EXPECT_EQ(kind_of([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::out_of_space);
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
}

TEST_F(DriveFaults, UnlimitedStorageHasNoFreeBytes) {
  // The account of this test has no limit.
  EXPECT_EQ(store_->space(k_no_deadline).free_bytes, std::nullopt);
}

TEST_F(DriveFaults, AnExpiredTokenIsReplacedOnceForAllThreads) {
  for (std::uint64_t i = 0; i < 8; ++i) store_->put(shard_name(i), random_bytes(1000, i), k_no_deadline);
  server_.clear();
  server_.control("expire");
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < 8; ++i) {
      threads.emplace_back(
          [this, i] { EXPECT_TRUE(store_->get(shard_name(i), k_all, k_no_deadline) == random_bytes(1000, i)); });
    }
  }
  EXPECT_EQ(server_.calls("token"), 1U);
  for (const Operation& operation : operations()) {
    server_.control("expire");
    const ObjectName name = shard_name(operation.puts ? 100 + operation.size : 1);
    const Bytes bytes = operation.puts ? random_bytes(operation.size) : random_bytes(1000, 1);
    if (operation.name == "get range") continue;  // of more than there is
    EXPECT_EQ(kind_of([&] { operation.work(*store_, name, bytes, k_no_deadline); }), std::nullopt) << operation.name;
    if (operation.name == "remove") store_->put(name, bytes, k_no_deadline);
  }
}

TEST_F(DriveFaults, ATokenIsKeptForTheNextRun) {
  server_.clear();
  for (int i = 0; i < 3; ++i) open()->space(k_no_deadline);
  EXPECT_EQ(server_.calls("token"), 0U);
  clock_.advance(std::chrono::hours(1));
  open()->space(k_no_deadline);
  EXPECT_EQ(server_.calls("token"), 1U);
}

TEST_F(DriveFaults, ATokenThatIsNeverTakenIsDenied) {
  server_.fault({{"call", "about.get"}, {"times", 9}, {"status", 401}, {"reason", "authError"}});
  EXPECT_EQ(kind_of([&] { store_->space(k_no_deadline); }), ErrorKind::denied);
  EXPECT_EQ(server_.calls("about.get"), 2U);
}

TEST_F(DriveFaults, ALoginThatHasEndedSaysToLogInAgain) {
  server_.control("revoke", {{"refresh_token", std::string(*settings_.credentials.find("refresh_token"))}});
  server_.control("expire");
  const auto error = failure_of([&] { store_->space(k_no_deadline); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::denied);
  EXPECT_THAT(error->what(), testing::HasSubstr("log in again"));
}

TEST_F(DriveFaults, TheAddressOfTokensFails) {
  struct Case {
    json plan;
    ErrorKind kind;
  };
  for (const Case& one :
       {Case{{{"status", 503}}, ErrorKind::transient}, Case{{{"hang_up", true}}, ErrorKind::transient},
        Case{{{"status", 429}, {"headers", {{"Retry-After", "5"}}}}, ErrorKind::rate_limited},
        Case{{{"garbage", "hello"}}, ErrorKind::transient},
        Case{{{"status", 400}, {"body", {{"error", "invalid_client"}}}}, ErrorKind::denied}}) {
    server_.control("expire");
    json plan = one.plan;
    plan["call"] = "token";
    server_.fault(plan);
    const auto kind = kind_of([&] { store_->space(k_no_deadline); });
    EXPECT_TRUE(kind == one.kind || (!kind && plan.contains("hang_up"))) << plan.dump();
    EXPECT_EQ(kind_of([&] { store_->space(k_no_deadline); }), std::nullopt);
  }
}

TEST_F(DriveFaults, AFolderInTheTrashIsOfflineNotEmpty) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  server_.control("trash", {{"name", url_.substr(6)}});
  const auto other = open();
  for (store::Store* store : {store_.get(), other.get()}) {
    EXPECT_EQ(kind_of([&] { listed(*store); }), ErrorKind::offline);
    EXPECT_EQ(kind_of([&] { store->stat(shard_name(2), k_no_deadline); }), ErrorKind::offline);
    EXPECT_EQ(kind_of([&] { store->get(shard_name(2), k_all, k_no_deadline); }), ErrorKind::offline);
    EXPECT_EQ(kind_of([&] { store->remove(shard_name(2), k_no_deadline); }), ErrorKind::offline);
    EXPECT_EQ(kind_of([&] { store->put(shard_name(2), random_bytes(10), k_no_deadline); }), ErrorKind::offline);
  }
}

TEST_F(DriveFaults, AStoreWhoseFolderWasNeverMadeIsOffline) {
  const auto store = store::make_store("drive:" + fresh_name(), settings_, context());
  try {
    store->stat(shard_name(1), k_no_deadline);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::offline);
    EXPECT_THAT(error.what(), testing::HasSubstr("another OAuth client"));
  }
}

TEST_F(DriveFaults, AnotherClientOfTheSamePersonSeesNothingOfIt) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  settings_ = server_.new_account();
  context_.emplace();
  store_ = open();
  EXPECT_EQ(kind_of([&] { listed(*store_); }), ErrorKind::offline);
}

TEST_F(DriveFaults, AFolderOfObjectsThatWentAwayIsMadeAgain) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  server_.control("trash", {{"name", "shard"}});
  EXPECT_EQ(listed(*store_), 0U);
  store_->put(shard_name(2), random_bytes(10), k_no_deadline);
  EXPECT_TRUE(store_->stat(shard_name(2), k_no_deadline));
  EXPECT_EQ(listed(*open()), 1U);
}

TEST_F(DriveFaults, AListingIsWholeOrAnError) {
  for (std::uint64_t i = 0; i < 30; ++i) store_->put(shard_name(i), random_bytes(10), k_no_deadline);
  const auto retrying = open_retrying();
  server_.clear();
  server_.fault({{"call", "files.list"}, {"skip", 2}, {"status", 500}});
  EXPECT_EQ(listed(*retrying), 30U);
  server_.fault({{"call", "files.list"}, {"skip", 2}, {"garbage", R"({"files":[]x)"}});
  EXPECT_EQ(listed(*retrying), 30U);
  server_.fault({{"call", "files.list"}, {"skip", 2}, {"garbage", R"({"incompleteSearch":true,"files":[]})"}});
  EXPECT_EQ(listed(*retrying), 30U);
  server_.fault({{"call", "files.list"}, {"skip", 2}, {"after", 100}, {"then", "end"}});
  EXPECT_EQ(listed(*retrying), 30U);
}

}  // namespace
}  // namespace modelfloat::test
