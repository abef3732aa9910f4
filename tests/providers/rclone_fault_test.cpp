// The rclone store when the provider behind rclone fails: a WebDAV server, before which a proxy fails
// as it is told.

#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "providers/every_call.h"
#include "providers/rclone_fixture.h"
#include "support/fixed_random.h"
#include "support/thrown.h"
#include <gmock/gmock.h>

#include "modelfloat/store/wrap/ledger.h"
#include "modelfloat/store/wrap/retrying.h"
#include "modelfloat/store/wrap/standard.h"

namespace modelfloat::test {
namespace {

using namespace rclone;
using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;
using testing::Not;

// A provider's trouble comes to us as rclone's words. Each is met in each call, on the way to a
// WebDAV server.
TEST_F(RcloneStore, AProvidersTroubleIsToldByItsKind) {
  const auto store = open("dav:" + name_);
  const Bytes bytes = random_bytes(200'000);
  store->put(shard_name(1), bytes, k_no_deadline);
  const std::vector<std::pair<std::string, ErrorKind>> faults = {
      {R"("fault": "answer", "status": 401)", ErrorKind::denied},
      {R"("fault": "answer", "status": 403)", ErrorKind::denied},
      {R"("fault": "answer", "status": 409)", ErrorKind::transient},
      {R"("fault": "answer", "status": 412)", ErrorKind::transient},
      {R"("fault": "answer", "status": 429, "headers": {"Retry-After": "1"})", ErrorKind::rate_limited},
      {R"("fault": "answer", "status": 500)", ErrorKind::transient},
      {R"("fault": "answer", "status": 503)", ErrorKind::transient},
      {R"("fault": "answer", "status": 507)", ErrorKind::out_of_space},
      {R"("fault": "reset_answer", "at": -1)", ErrorKind::transient},
      {R"("fault": "reset_request", "at": 0)", ErrorKind::transient},
  };
  const std::vector<std::tuple<std::string, std::string, std::function<void()>>> calls = {
      {"put", "PUT", [&] { store->put(shard_name(2), bytes, k_no_deadline); }},
      {"get", "GET", [&] { store->get(shard_name(1), k_all, k_no_deadline); }},
      {"stat", "PROPFIND", [&] { store->stat(shard_name(1), k_no_deadline); }},
      {"remove", "DELETE", [&] { store->remove(shard_name(1), k_no_deadline); }},
      {"list", "PROPFIND", [&] { store->list("", [](const auto&) {}, k_no_deadline); }}};
  for (const auto& [call, method, work] : calls) {
    for (const auto& [fault, kind] : faults) {
      SCOPED_TRACE(call + ": " + fault);
      proxy_->clear();
      store->put(shard_name(1), bytes, k_no_deadline);
      store->remove(shard_name(2), k_no_deadline);
      proxy_->clear();
      proxy_->add(R"({"method": ")" + method + R"(", "times": 0, )" + fault + "}");
      const auto error = thrown_by(work);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->kind, kind) << error->what();
      EXPECT_THAT(error->what(), Not(HasSubstr("hush")));
      std::size_t met = 0;
      for (const ProxiedCall& one : proxy_->log(method)) met += one.fault.empty() ? 0 : 1;
      EXPECT_LE(met, 4U)
          // Go sends what met a reset once more, and why a GET failed takes another.
          << "rclone tried it again by itself";
      proxy_->clear();
      EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline).value_or(bytes), bytes);
      EXPECT_EQ(store->get(shard_name(2), k_all, k_no_deadline).value_or(bytes), bytes);
    }
  }
}

// As WebDAV servers do while another call makes the folder.
TEST_F(RcloneStore, AFolderThatIsLockedForAMomentIsTriedAgain) {
  const auto store = open("dav:" + name_);
  const Bytes bytes = random_bytes(10'000);
  for (const char* method : {"MKCOL", "PUT"}) {
    proxy_->clear();
    proxy_->add(R"({"method": ")" + std::string(method) + R"(", "times": 2, "fault": "answer", "status": 423})");
    const ObjectName name = shard_name(std::string(method) == "PUT" ? 1 : 2);
    store->put(name, bytes, k_no_deadline);
    proxy_->clear();
    EXPECT_EQ(store->get(name, k_all, k_no_deadline), bytes) << method;
  }
}

// rclone keeps to itself how long the provider wants us to wait, unless its words tell.
TEST_F(RcloneStore, AProviderThatAsksToWaitIsLeftAlone) {
  const auto store = open("dav:" + name_);
  store->put(shard_name(1), random_bytes(10'000), k_no_deadline);
  const auto limit = [&] {
    proxy_->clear();
    proxy_->add(R"({"method": "GET", "times": 0, "fault": "answer", "status": 429, "headers": {"Retry-After": "30"}})");
  };
  limit();
  const auto error = thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::rate_limited);
  EXPECT_GE(error->retry_after, Milliseconds(10'000));
  EXPECT_EQ(proxy_->log("GET").size(), 2U);  // refused, and asked why
  EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); })->kind, ErrorKind::rate_limited);
  EXPECT_EQ(proxy_->log("GET").size(), 3U);

  limit();
  store::MemoryLedger ledger;
  const auto usual = store::make_standard(open("dav:" + name_), "web", store::SharedBandwidth(), {}, ledger,
                                          context_.context().clock, context_.context().random);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(thrown_by([&] { usual->get(shard_name(1), k_all, within(Milliseconds(5'000))); })->kind,
              ErrorKind::rate_limited);
  }
  EXPECT_LE(proxy_->log("GET").size(), 2U);
}

TEST_F(RcloneStore, ARequestToWaitIsObeyed) {
  const auto store = store::make_retrying(open("dav:" + name_), {.first = Milliseconds(1)}, context_.context().clock,
                                          context_.context().random);
  const Bytes bytes = random_bytes(10'000);
  store->put(shard_name(1), bytes, k_no_deadline);
  proxy_->clear();
  proxy_->add(
      R"({"method": "GET", "times": 2, "fault": "answer", "status": 429, "body": "<d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\"><s:message>retry after 1s</s:message></d:error>"})");
  EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes);
  const auto calls = proxy_->log("GET");
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_GE(calls[2].seconds - calls[1].seconds, 1.0);
}

TEST_F(RcloneStore, AProviderThatTakesNoConnectionIsOffline) {
  const auto store = open("dav:" + name_);
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  proxy_->listen(false);
  expect_every_call_fails(*store, ErrorKind::offline);
}

TEST_F(RcloneStore, AProviderThatHangsOrCrawlsEndsByTheDeadlineOrAStop) {
  const auto store = open("dav:" + name_);
  store->put(shard_name(1), random_bytes(10'000), k_no_deadline);
  expect_every_call_ends_when_stopped(*proxy_, *store);
  expect_every_call_ends_by_its_deadline(*proxy_, *store);
  for (const char* fault : {R"("stall", "at": -1)", R"("stall", "at": 100)", R"("slow", "rate": 1)"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"method": "GET", "fault": )") + fault + "}");
    EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, within(Milliseconds(500))); })->kind,
              ErrorKind::timed_out)
        << fault;
  }
}

TEST_F(RcloneStore, AFlippedBitIsHandedOn) {
  expect_flipped_bit_is_handed_on(*proxy_, *open("dav:" + name_), R"("method": "GET")");
}

TEST_F(RcloneStore, AStaleListLosesNothing) {
  expect_stale_list_loses_nothing(*proxy_, *open("dav:" + name_), R"("method": "PROPFIND", "target": "/00/$")");
}

TEST_F(RcloneStore, WhatWasStoredThoughAnErrorWasSaidIsFineTheNextTime) {
  const auto store = open("dav:" + name_);
  const Bytes bytes = random_bytes(1000);
  std::uint64_t number = 0;
  for (const char* method : {"PUT", "MOVE"}) {
    const ObjectName name = shard_name(++number);
    proxy_->clear();
    proxy_->add(std::string(R"({"method": ")") + method + R"(", "fault": "answer_after", "status": 500})");
    EXPECT_EQ(thrown_by([&] { store->put(name, bytes, k_no_deadline); })->kind, ErrorKind::transient) << method;
    store->put(name, bytes, k_no_deadline);
    EXPECT_EQ(store->get(name, k_all, k_no_deadline), bytes) << method;
  }
}

TEST_F(RcloneStore, AnAnswerThatIsCutGivesNoBytes) {
  const auto store = open("dav:" + name_);
  store->put(shard_name(1), random_bytes(500'000), k_no_deadline);
  for (const char* fault : {R"("reset_answer", "times": 0, "at": 100000)", R"("cut", "times": 0, "at": 100000)",
                            R"("shorter", "times": 0, "by": 1)", R"("empty", "times": 0)"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"method": "GET", "fault": )") + fault + "}");
    const auto error = thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); });
    ASSERT_TRUE(error) << fault;
    EXPECT_THAT(error->kind, AnyOf(Eq(ErrorKind::transient), Eq(ErrorKind::corrupt))) << fault << error->what();
  }
}

TEST_F(RcloneStore, SuccessThatWasOnlySaidIsFoundOut) {
  const auto store = open("dav:" + name_);
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  proxy_->add(R"({"method": "PUT", "times": 0, "fault": "answer", "status": 201})");
  EXPECT_TRUE(thrown_by([&] { store->put(shard_name(2), random_bytes(10), k_no_deadline); }));
  proxy_->clear();
  EXPECT_FALSE(store->stat(shard_name(2), k_no_deadline));
  proxy_->add(R"({"method": "MOVE", "times": 0, "fault": "answer", "status": 201})");
  EXPECT_TRUE(thrown_by([&] { store->put(shard_name(2), random_bytes(10), k_no_deadline); }));
}

}  // namespace
}  // namespace modelfloat::test
