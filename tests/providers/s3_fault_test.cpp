// The S3 store through a proxy that fails as it is told (tests/servers/s3.py).

#include "providers/s3_fixture.h"
#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include "support/thrown.h"
#include <gmock/gmock.h>

#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using namespace s3;
using testing::HasSubstr;

std::string s3_answer(int status, const std::string& code, const std::string& headers = "") {
  return R"({"times": 0, "fault": "answer", "status": )" + std::to_string(status) + R"(, "headers": {)" + headers +
         R"(}, "body": "<?xml version=\"1.0\"?><Error><Code>)" + code + R"(</Code><Message>words</Message></Error>"})";
}

TEST_F(S3StoreTest, EachTroubleHasItsKind) {
  direct_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  expect_kind(s3_answer(503, "SlowDown"), ErrorKind::rate_limited);
  expect_kind(s3_answer(429, "TooManyRequests", R"("Retry-After": "3")"), ErrorKind::rate_limited);
  expect_kind(s3_answer(500, "InternalError"), ErrorKind::transient);
  expect_kind(R"({"times": 0, "fault": "answer", "status": 502, "body": "<html>bad gateway</html>"})",
              ErrorKind::transient);
  expect_kind(s3_answer(403, "AccessDenied"), ErrorKind::denied);
  expect_kind(s3_answer(403, "InvalidAccessKeyId"), ErrorKind::denied);
  expect_kind(s3_answer(403, "SignatureDoesNotMatch"), ErrorKind::denied);
  expect_kind(s3_answer(400, "ExpiredToken"), ErrorKind::denied);
  expect_kind(s3_answer(404, "NoSuchBucket"), ErrorKind::offline);
  expect_kind(s3_answer(400, "RequestTimeout"), ErrorKind::timed_out);
  expect_kind(s3_answer(507, "InsufficientStorage"), ErrorKind::out_of_space);
  expect_kind(s3_answer(507, "XMinioStorageFull"), ErrorKind::out_of_space);
  expect_kind(s3_answer(403, "QuotaExceeded"), ErrorKind::out_of_space);
  // Without a date by which our clock could be set right.
  expect_kind(s3_answer(403, "RequestTimeTooSkewed"), ErrorKind::denied);
  expect_kind(s3_answer(403, "RequestTimeTooSkewed", R"("Date": "soon")"), ErrorKind::denied);
  expect_kind(R"({"times": 0, "fault": "answer", "status": 404, "body": "no such page"})", ErrorKind::offline);
}

// HEAD has no body and so no code. Its statuses are those of http::status_error.
TEST_F(S3StoreTest, AWordlessAnswerHasTheKindOfItsStatus) {
  direct_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  for (const auto& [status, kind] : {std::pair{403, ErrorKind::denied}, std::pair{500, ErrorKind::transient},
                                     std::pair{429, ErrorKind::rate_limited}}) {
    expect_kind(R"({"times": 0, "fault": "answer", "status": )" + std::to_string(status) + "}", kind);
  }
}

TEST_F(S3StoreTest, BrokenConnectionsAreTransientAndSilentOnesTimedOut) {
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

TEST_F(S3StoreTest, NoShorterAnswerIsTakenForTheObject) {
  const Bytes bytes = random_bytes(100'000);
  direct_->put(shard_name(1), bytes, k_no_deadline);
  for (const char* fault :
       {R"("fault": "reset_answer", "at": 50000)", R"("fault": "cut", "at": 50000)", R"("fault": "cut", "at": 0)"}) {
    for (const ByteRange range : {k_all, ByteRange{10, 99'000}, ByteRange{10}}) {
      proxy_->clear();
      proxy_->add(std::string(R"({"method": "GET", )") + fault + "}");
      EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), range, k_no_deadline); }), ErrorKind::transient) << fault;
      EXPECT_TRUE(equal(*store_->get(shard_name(1), k_all, k_no_deadline), bytes));
    }
  }
  // A range whose length lies is found out by Content-Range.
  for (const char* fault : {R"("fault": "shorter", "by": 7)", R"("fault": "longer", "by": 7)", R"("fault": "empty")"}) {
    for (const ByteRange range : {ByteRange{10, 99'000}, ByteRange{10}}) {
      proxy_->clear();
      proxy_->add(std::string(R"({"method": "GET", )") + fault + "}");
      EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), range, k_no_deadline); }), ErrorKind::transient) << fault;
    }
  }
}

TEST_F(S3StoreTest, ARangeIsCutOutWhereTheServerIgnoresIt) {
  const Bytes bytes = random_bytes(100'000);
  direct_->put(shard_name(1), bytes, k_no_deadline);
  const std::string text(1000, 'a');
  proxy_->add(R"({"times": 0, "method": "GET", "fault": "answer", "status": 200, "body": ")" + text + "bcd" + text +
              R"("})");
  EXPECT_EQ(as_text(*store_->get(shard_name(1), {999, 5}, k_no_deadline)), "abcda");
  EXPECT_EQ(store_->get(shard_name(1), {1002}, k_no_deadline)->size(), 1001U);
  EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), {2000, 4}, k_no_deadline); }), ErrorKind::corrupt);
  proxy_->clear();
  proxy_->add(
      R"({"method": "GET", "fault": "answer", "status": 206, "headers": {"Content-Range": "bytes 5-9/2003"}, "body": "aaaaa"})");
  EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), {4, 5}, k_no_deadline); }), ErrorKind::transient);
}

TEST_F(S3StoreTest, NoBrokenListingIsTakenForAWholeOne) {
  for (std::uint64_t i = 0; i < 5; ++i) direct_->put(shard_name(i), random_bytes(10), k_no_deadline);
  for (
      const char* rule :
      {R"("fault": "empty")", R"("fault": "cut", "at": 300)", R"("fault": "shorter", "by": 30)",
       R"("fault": "replace", "pattern": "<IsTruncated>.*?</IsTruncated>", "with": "")",
       R"("fault": "replace", "pattern": "<IsTruncated>false", "with": "<IsTruncated>true")",
       R"("fault": "replace", "pattern": "<Size>10</Size>", "with": "<Size>many</Size>")",
       R"("fault": "answer", "status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>log in</html>")",
       R"("fault": "answer", "status": 200, "body": "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>")"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"method": "GET", )") + rule + "}");
    const auto error = thrown_by([&] { store_->list("", [](const store::ObjectInfo&) {}, k_no_deadline); });
    ASSERT_TRUE(error) << rule;
    EXPECT_EQ(error->kind, ErrorKind::transient) << rule;
  }
}

TEST_F(S3StoreTest, APutThatWasLostIsNoSuccessWhenTheServerErrs) {
  const Bytes bytes = random_bytes(100'000);
  proxy_->add(R"({"method": "PUT", "fault": "reset_request", "at": 40000})");
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  EXPECT_FALSE(direct_->stat(shard_name(1), k_no_deadline));
}

TEST_F(S3StoreTest, APutThatWasStoredButSaidToFailIsFineTheNextTime) {
  const Bytes bytes = random_bytes(100'000);
  proxy_->add(R"({"method": "PUT", "fault": "answer_after", "status": 500})");
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(equal(*store_->get(shard_name(1), k_all, k_no_deadline), bytes));
}

TEST_F(S3StoreTest, APutThatWasNotStoredIsNotThere) {
  proxy_->add(R"({"method": "PUT", "fault": "answer", "status": 200})");
  store_->put(shard_name(1), random_bytes(1000), k_no_deadline);  // the server says so
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));       // which is why the engine asks
}

TEST_F(S3StoreTest, AFlippedBitIsHandedOn) { expect_flipped_bit_is_handed_on(*proxy_, *store_, R"("method": "GET")"); }

TEST_F(S3StoreTest, AStaleListLosesNothing) {
  expect_stale_list_loses_nothing(*proxy_, *store_, R"("method": "GET", "target": "list-type")");
}

TEST_F(S3StoreTest, BytesThatChangeOnTheWayAreRefused) {
  const Bytes bytes = random_bytes(100'000);
  proxy_->add(R"({"method": "PUT", "fault": "request_flip", "at": 5000})");
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  EXPECT_FALSE(direct_->stat(shard_name(1), k_no_deadline));
}

TEST_F(S3StoreTest, PartsAreTakenAwayWhenOneFails) {
  const auto in_parts = make(bucket_url("MODELFLOAT_TEST_S3_PROXY") + "/" + home_, settings_of(),
                             {.single_put_bytes = std::uint64_t{5} << 20, .part_bytes = std::uint64_t{5} << 20});
  const Bytes bytes = random_bytes(11 << 20);
  for (const auto& [status, kind] : {std::pair{500, ErrorKind::transient}, std::pair{507, ErrorKind::out_of_space}}) {
    proxy_->clear();
    proxy_->add(R"({"method": "PUT", "target": "partNumber=2", "fault": "answer", "status": )" +
                std::to_string(status) + "}");
    EXPECT_EQ(kind_thrown([&] { in_parts->put(shard_name(1), bytes, k_no_deadline); }), kind);
    const auto removed = proxy_->log("DELETE");
    ASSERT_EQ(removed.size(), 1U);
    EXPECT_EQ(removed[0].status, 204);
    EXPECT_THAT(removed[0].target, HasSubstr("uploadId="));
    EXPECT_FALSE(direct_->stat(shard_name(1), k_no_deadline));
  }
  // One that begins with success and ends with an error.
  proxy_->clear();
  proxy_->add(
      R"({"method": "POST", "target": "uploadId=", "fault": "answer", "status": 200, "body": "\n<?xml version=\"1.0\"?>"})");
  EXPECT_TRUE(thrown_by([&] { in_parts->put(shard_name(1), bytes, k_no_deadline); }));
  proxy_->clear();
  proxy_->add(
      R"({"method": "POST", "target": "uploadId=", "fault": "answer", "status": 200, "body": "<Error><Code>InternalError</Code></Error>"})");
  EXPECT_EQ(kind_thrown([&] { in_parts->put(shard_name(1), bytes, k_no_deadline); }), ErrorKind::transient);
  EXPECT_FALSE(direct_->stat(shard_name(1), k_no_deadline));
  in_parts->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(equal(*direct_->get(shard_name(1), k_all, k_no_deadline), bytes));
}

TEST_F(S3StoreTest, PartsAreTakenAwayWhenTheCallIsStopped) {
  const auto in_parts = make(bucket_url("MODELFLOAT_TEST_S3_PROXY") + "/" + home_, settings_of(),
                             {.single_put_bytes = std::uint64_t{5} << 20, .part_bytes = std::uint64_t{5} << 20});
  proxy_->add(R"({"method": "PUT", "target": "partNumber=2", "fault": "stall", "at": -1})");
  CallOptions hasty;
  hasty.deadline = std::chrono::steady_clock::now() + Milliseconds(3000);
  EXPECT_EQ(kind_thrown([&] { in_parts->put(shard_name(1), random_bytes(11 << 20), hasty); }), ErrorKind::timed_out);
  EXPECT_EQ(proxy_->log("DELETE").size(), 1U);
}

TEST_F(S3StoreTest, WaitsAsLongAsItIsAsked) {
  direct_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  FakeClock clock(context_.context().clock.utc_now());
  FixedRandom random;
  const auto patient =
      store::make_retrying(make(bucket_url("MODELFLOAT_TEST_S3_PROXY") + "/" + home_), {}, clock, random);
  proxy_->add(R"({"method": "GET", "times": 2, "fault": "answer", "status": 429, "headers": {"Retry-After": "7"}})");
  EXPECT_TRUE(patient->get(shard_name(1), k_all, k_no_deadline));
  const auto sleeps = clock.sleeps();
  ASSERT_EQ(sleeps.size(), 2U);
  for (const Milliseconds sleep : sleeps) EXPECT_GE(sleep, Milliseconds(7000));
  EXPECT_EQ(proxy_->log("GET").size(), 3U);
}

TEST_F(S3StoreTest, ACallThatFailsOnceAtAnyPointIsWholeTheNextTime) {
  SystemClock clock;
  FixedRandom random;
  const auto patient = store::make_retrying(make(bucket_url("MODELFLOAT_TEST_S3_PROXY") + "/" + home_),
                                            {.first = Milliseconds(1)}, clock, random);
  const Bytes bytes = random_bytes(50'000);
  std::uint64_t seed = 0;
  for (const char* fault : {R"("fault": "reset_request", "at": 10)", R"("fault": "reset_answer", "at": -1)",
                            R"("fault": "cut", "at": 0)", R"("fault": "answer", "status": 503)",
                            R"("fault": "answer_after", "status": 500)", R"("fault": "request_flip", "at": 10)"}) {
    for (int skip = 0; skip < 5; ++skip) {
      const ObjectName name = shard_name(++seed);
      proxy_->clear();
      proxy_->add("{\"skip\": " + std::to_string(skip) + ", " + fault + "}");
      patient->put(name, bytes, k_no_deadline);
      EXPECT_TRUE(equal(*patient->get(name, k_all, k_no_deadline), bytes)) << fault << skip;
      EXPECT_EQ(patient->stat(name, k_no_deadline)->size_bytes, bytes.size()) << fault << skip;
      std::size_t listed = 0;
      patient->list(name.path(), [&](const store::ObjectInfo&) { ++listed; }, k_no_deadline);
      EXPECT_EQ(listed, 1U) << fault << skip;
      patient->remove(name, k_no_deadline);
      EXPECT_FALSE(direct_->stat(name, k_no_deadline)) << fault << skip;
    }
  }
}

}  // namespace
}  // namespace modelfloat::test
