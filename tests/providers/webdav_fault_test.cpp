// The WebDAV store through a proxy that fails as it is told (tests/servers/webdav.py).

#include "providers/webdav_fixture.h"
#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include "support/thrown.h"

#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using namespace webdav;

TEST_F(WebdavStoreTest, EachTroubleHasItsKind) {
  direct_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  expect_kind(answer(401), ErrorKind::denied);
  expect_kind(answer(403), ErrorKind::denied);
  expect_kind(answer(404), ErrorKind::offline);
  expect_kind(answer(423), ErrorKind::transient);
  expect_kind(answer(429, R"("Retry-After": "3")"), ErrorKind::rate_limited);
  expect_kind(answer(500), ErrorKind::transient);
  expect_kind(answer(502), ErrorKind::transient);
  expect_kind(answer(503), ErrorKind::transient);
  expect_kind(answer(503, R"("Retry-After": "120", "X-Nextcloud-Maintenance-Mode": "1")"), ErrorKind::rate_limited);
  expect_kind(answer(507), ErrorKind::out_of_space);
  expect_kind(answer(200, R"("Content-Type": "text/html; charset=utf-8")", "<html>log in</html>"), ErrorKind::offline);
  expect_kind(answer(302, R"("Location": "/login")"), ErrorKind::offline);
  expect_kind(answer(302, R"("Location": "https://elsewhere.example/basic/")"), ErrorKind::offline);
}

TEST_F(WebdavStoreTest, FullInTheMiddleAndTooLongForTheServer) {
  for (const auto& [status, kind] :
       {std::pair{507, ErrorKind::out_of_space}, std::pair{413, ErrorKind::out_of_space}}) {
    proxy_->clear();
    proxy_->add(R"({"method": "PUT", "fault": "answer", "status": )" + std::to_string(status) + "}");
    EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), random_bytes(1000), k_no_deadline); }), kind);
    EXPECT_FALSE(direct_->stat(shard_name(1), k_no_deadline));
  }
}

TEST_F(WebdavStoreTest, BrokenConnectionsAreTransientAndSilentOnesTimedOut) {
  direct_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  expect_kind(R"({"times": 0, "fault": "reset_answer", "at": -1})", ErrorKind::transient);
  expect_kind(R"({"times": 0, "fault": "cut", "at": -1})", ErrorKind::transient);
  expect_every_call_ends_when_stopped(*proxy_, *store_);
  expect_every_call_ends_by_its_deadline(*proxy_, *store_);
  proxy_->listen(false);
  expect_every_call_fails(*store_, ErrorKind::offline);
  proxy_->listen(true);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline));
}

TEST_F(WebdavStoreTest, NoShorterAnswerIsTakenForTheObject) {
  const Bytes bytes = random_bytes(100'000);
  direct_->put(shard_name(1), bytes, k_no_deadline);
  for (const char* fault :
       {R"("fault": "reset_answer", "at": 50000)", R"("fault": "cut", "at": 50000)", R"("fault": "cut", "at": 0)"}) {
    for (const ByteRange range : {k_all, ByteRange{10, 99'000}, ByteRange{10}}) {
      proxy_->clear();
      proxy_->add(std::string(R"({"method": "GET", )") + fault + "}");
      EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), range, k_no_deadline); }), ErrorKind::transient) << fault;
    }
  }
  for (const char* fault : {R"("fault": "shorter", "by": 7)", R"("fault": "longer", "by": 7)", R"("fault": "empty")"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"method": "GET", )") + fault + "}");
    EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), {10, 99'000}, k_no_deadline); }), ErrorKind::transient)
        << fault;
  }
}

TEST_F(WebdavStoreTest, ARangeIsCutOutWhereTheServerIgnoresIt) {
  const std::string text(1000, 'a');
  proxy_->add(R"({"times": 0, "method": "GET", "fault": "answer", "status": 200, "body": ")" + text + "bcd" + text +
              R"("})");
  EXPECT_EQ(as_text(*store_->get(shard_name(1), {999, 5}, k_no_deadline)), "abcda");
  EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), {2000, 4}, k_no_deadline); }), ErrorKind::corrupt);
}

TEST_F(WebdavStoreTest, NoBrokenListingIsTakenForAWholeOne) {
  for (std::uint64_t i = 0; i < 5; ++i) direct_->put(shard_name(i), random_bytes(10), k_no_deadline);
  const auto whole = listed(*store_);
  ASSERT_EQ(whole.size(), 5U);
  for (
      const char* rule :
      {R"("fault": "empty")", R"("fault": "cut", "at": 300)", R"("fault": "shorter", "by": 30)",
       R"("fault": "replace", "pattern": "<D:response.*</D:response>", "with": "")",
       R"("fault": "replace", "pattern": "getcontentlength>[0-9]+<", "with": "getcontentlength>many<")",
       R"("fault": "replace", "pattern": "<D:href>/basic", "with": "<D:href>/elsewhere%zz")",
       R"("fault": "replace", "pattern": "<D:href>[^<]*/([0-9a-f]{64})<", "with": "<D:href>/elsewhere/\\1<")",
       R"("fault": "answer", "status": 207, "body": "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>")"}) {
    for (int skip = 0; skip < 9; ++skip) {  // the folder itself, mf1, shard, and what is in it
      proxy_->clear();
      proxy_->add(R"({"method": "PROPFIND", "skip": )" + std::to_string(skip) + ", " + rule + "}");
      try {
        EXPECT_EQ(listed(*store_), whole) << rule << skip;
      } catch (const Error& error) {
        EXPECT_TRUE(error.kind == ErrorKind::transient || error.kind == ErrorKind::offline)
            << rule << skip << error.what();
      }
    }
  }
}

TEST_F(WebdavStoreTest, AFailedPutLeavesNothing) {
  const Bytes bytes = random_bytes(100'000);
  for (const char* rule : {R"({"times": 0, "method": "PUT", "fault": "reset_request", "at": 40000})",
                           R"({"method": "PUT", "fault": "answer_after", "status": 500})",
                           R"({"method": "MOVE", "fault": "answer", "status": 500})",
                           R"({"method": "MOVE", "fault": "answer", "status": 423})",
                           R"({"method": "MOVE", "fault": "answer", "status": 207})"}) {
    proxy_->clear();
    proxy_->add(rule);
    EXPECT_EQ(
        kind_thrown([&] {
          make(*server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + folder_)->put(shard_name(1), bytes, k_no_deadline);
        }),
        ErrorKind::transient)
        << rule;
    EXPECT_FALSE(direct_->stat(shard_name(1), k_no_deadline)) << rule;
    EXPECT_EQ(temporary_files(), 0U) << rule;
  }
}

TEST_F(WebdavStoreTest, APutThatWasStoredButSaidToFailIsFineTheNextTime) {
  const Bytes bytes = random_bytes(100'000);
  proxy_->add(R"({"method": "MOVE", "fault": "answer_after", "status": 500})");
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(equal(*store_->get(shard_name(1), k_all, k_no_deadline), bytes));
  EXPECT_EQ(temporary_files(), 0U);
}

TEST_F(WebdavStoreTest, SuccessThatWasOnlySaidIsFoundOut) {
  proxy_->add(R"({"method": "PUT", "fault": "answer", "status": 201})");
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), random_bytes(1000), k_no_deadline); }), ErrorKind::transient);
  proxy_->add(R"({"method": "MOVE", "fault": "answer", "status": 201})");
  store_->put(shard_name(1), random_bytes(1000), k_no_deadline);  // the server says so
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));       // which is why the engine asks
}

TEST_F(WebdavStoreTest, AFlippedBitIsHandedOn) {
  expect_flipped_bit_is_handed_on(*proxy_, *store_, R"("method": "GET")");
}

TEST_F(WebdavStoreTest, AStaleListLosesNothing) {
  expect_stale_list_loses_nothing(*proxy_, *store_, R"("method": "PROPFIND", "target": "/00/$")");
}

TEST_F(WebdavStoreTest, WaitsAsLongAsItIsAsked) {
  direct_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  FakeClock clock(context_.context().clock.utc_now());
  FixedRandom random;
  const auto patient =
      store::make_retrying(make(*server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + folder_), {}, clock, random);
  proxy_->add(R"({"method": "GET", "times": 2, "fault": "answer", "status": 429, "headers": {"Retry-After": "7"}})");
  EXPECT_TRUE(patient->get(shard_name(1), k_all, k_no_deadline));
  const auto sleeps = clock.sleeps();
  ASSERT_EQ(sleeps.size(), 2U);
  for (const Milliseconds sleep : sleeps) EXPECT_GE(sleep, Milliseconds(7000));
}

TEST_F(WebdavStoreTest, ACallThatFailsOnceAtAnyPointIsWholeTheNextTime) {
  SystemClock clock;
  FixedRandom random;
  const auto patient = store::make_retrying(make(*server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + folder_),
                                            {.first = Milliseconds(1)}, clock, random);
  const Bytes bytes = random_bytes(50'000);
  std::uint64_t seed = 0;
  for (const char* fault :
       {R"("fault": "reset_request", "at": 10)", R"("fault": "reset_answer", "at": -1)", R"("fault": "cut", "at": 0)",
        R"("fault": "answer", "status": 503)", R"("fault": "answer_after", "status": 500)"}) {
    for (int skip = 0; skip < 12; ++skip) {
      const ObjectName name = shard_name(++seed);
      proxy_->clear();
      proxy_->add("{\"skip\": " + std::to_string(skip) + ", " + fault + "}");
      patient->put(name, bytes, k_no_deadline);
      EXPECT_TRUE(equal(*patient->get(name, k_all, k_no_deadline), bytes)) << fault << skip;
      EXPECT_EQ(patient->stat(name, k_no_deadline)->size_bytes, bytes.size()) << fault << skip;
      std::size_t count = 0;
      patient->list(name.path(), [&](const store::ObjectInfo&) { ++count; }, k_no_deadline);
      EXPECT_EQ(count, 1U) << fault << skip;
      patient->remove(name, k_no_deadline);
      EXPECT_FALSE(direct_->stat(name, k_no_deadline)) << fault << skip;
    }
  }
}

}  // namespace
}  // namespace modelfloat::test
