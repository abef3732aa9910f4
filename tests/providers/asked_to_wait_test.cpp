// A provider that asks for a pause gets it from every thread and for every kind of call: the log of
// the proxy before it shows when requests came.

#include <functional>
#include <future>
#include <vector>

#include "providers/drive_server.h"
#include "providers/fault_proxy.h"
#include "providers/provider_home.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/store/wrap/standard.h"

namespace modelfloat::test {
namespace {

constexpr const char* k_429 = R"("fault": "answer", "status": 429, "headers": {"Retry-After": "1"}})";
constexpr double k_asked_seconds = 1;

class AskedToWait : public testing::Test {
 protected:
  // With all that is put around a store.
  void open(const std::string& url, store::StoreSettings settings, const char* control) {
    const auto context = context_.context();
    ListeningDialogue dialogue;
    store::prepare_new_store(url, settings, context, dialogue, {});
    store_ = store::make_standard(store::make_store(url, settings, context), "store", bandwidth_, {}, ledger_,
                                  context.clock, context.random);
    proxy_ = std::make_unique<FaultProxy>(*server_variable(control));
    store_->put(shard_name(1), bytes_, k_no_deadline);
  }

  // The requests of a read, or of a put, that `refused` picks are answered by `refusal`, once; both
  // are parts of a rule.
  void expect_pause_after_get(const std::string& refused, const std::string& refusal) {
    expect_pause(refused + refusal, [&](const CallOptions& hasty) { store_->get(shard_name(1), k_all, hasty); });
  }
  void expect_pause_after_put(const std::string& refused, const std::string& refusal) {
    expect_pause(refused + refusal, [&](const CallOptions& hasty) { store_->put(shard_name(++last_), bytes_, hasty); });
  }

 private:
  void expect_pause(const std::string& rule, const std::function<void(const CallOptions&)>& call) {
    SCOPED_TRACE(rule);
    proxy_->clear();
    proxy_->add(rule);
    // Who has no time to wait is told at once.
    const CallOptions hasty{{}, std::chrono::steady_clock::now() + Milliseconds(900)};
    EXPECT_EQ(kind_thrown([&] { call(hasty); }), ErrorKind::rate_limited);
    std::vector<std::future<void>> others;
    const auto meanwhile = [&](auto work) { others.push_back(std::async(std::launch::async, work)); };
    meanwhile([&] { EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), bytes_); });
    meanwhile([&, name = shard_name(++last_)] { store_->put(name, bytes_, k_no_deadline); });
    meanwhile([&] { EXPECT_TRUE(store_->stat(shard_name(1), k_no_deadline)); });
    meanwhile([&] { store_->list("", [](const store::ObjectInfo&) {}, k_no_deadline); });
    meanwhile([&] { store_->space(k_no_deadline); });
    for (auto& one : others) one.get();

    std::optional<double> refused_at;
    std::size_t later = 0;
    for (const ProxiedCall& request : proxy_->log()) {
      if (refused_at) {
        EXPECT_GE(request.seconds, *refused_at + k_asked_seconds) << request.method << " " << request.target;
        ++later;
      }
      if (!request.fault.empty()) refused_at = request.seconds;
    }
    EXPECT_TRUE(refused_at);
    EXPECT_GE(later, 5U);
  }

  const Bytes bytes_ = random_bytes(1000);
  std::uint64_t last_ = 1;
  RealContext context_;
  store::SharedBandwidth bandwidth_;
  store::MemoryLedger ledger_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<store::Store> store_;
};

class S3AskedToWait : public AskedToWait {};
TEST_F(S3AskedToWait, LeavesItAlone) {
  if (const auto missing = unless_set("MODELFLOAT_TEST_S3_CONTROL"); !missing.empty()) GTEST_SKIP() << missing;
  store::StoreSettings settings;
  settings.credentials.set("access_key", *server_variable("MODELFLOAT_TEST_S3_ACCESS_KEY"));
  settings.credentials.set("secret_key", *server_variable("MODELFLOAT_TEST_S3_SECRET_KEY"));
  open("s3:" + *server_variable("MODELFLOAT_TEST_S3_PROXY") + "/" + *server_variable("MODELFLOAT_TEST_S3_BUCKET") +
           "/" + fresh_name(),
       settings, "MODELFLOAT_TEST_S3_CONTROL");
  expect_pause_after_get(R"({"method": "GET", "target": "/shard/", )", k_429);
  expect_pause_after_put(R"({"method": "PUT", )", k_429);
}

class WebdavAskedToWait : public AskedToWait {};
TEST_F(WebdavAskedToWait, LeavesItAlone) {
  if (const auto missing = unless_set("MODELFLOAT_TEST_WEBDAV_CONTROL"); !missing.empty()) GTEST_SKIP() << missing;
  store::StoreSettings settings;
  settings.credentials.set("user", *server_variable("MODELFLOAT_TEST_WEBDAV_USER"));
  settings.credentials.set("password", *server_variable("MODELFLOAT_TEST_WEBDAV_PASSWORD"));
  open("webdav:" + *server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + "/basic/" + fresh_name(), settings,
       "MODELFLOAT_TEST_WEBDAV_CONTROL");
  expect_pause_after_get(R"({"method": "GET", )", k_429);
  expect_pause_after_put(R"({"method": "PUT", )", k_429);
}

class DriveAskedToWait : public AskedToWait {};
TEST_F(DriveAskedToWait, LeavesItAlone) {
  if (const auto missing = unless_set("MODELFLOAT_TEST_DRIVE_CONTROL"); !missing.empty()) GTEST_SKIP() << missing;
  store::StoreSettings account = DriveServer().new_account();
  account.api_url = *server_variable("MODELFLOAT_TEST_DRIVE_PROXY");
  account.token_url = account.api_url + "/token";
  open("drive:" + fresh_name(), account, "MODELFLOAT_TEST_DRIVE_CONTROL");
  // The reason alone, without a time: the first pause is of a second.
  const std::string slow_down =
      R"("fault": "answer", "status": 403, "body": "{\"error\": {\"errors\": [{\"reason\": \"userRateLimitExceeded\"}]}}"})";
  for (const std::string& refusal : {std::string(k_429), slow_down}) {
    expect_pause_after_get(R"({"method": "GET", "target": "alt=media", )", refusal);
    expect_pause_after_put(R"({"target": "^/upload/", )", refusal);
  }
}

}  // namespace
}  // namespace modelfloat::test
