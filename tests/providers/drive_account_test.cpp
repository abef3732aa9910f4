// Google Drive when tokens expire, and when folders go away.

#include <thread>

#include "providers/drive_faults.h"

namespace modelfloat::test {
namespace {

using namespace drive;
using nlohmann::json;

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
