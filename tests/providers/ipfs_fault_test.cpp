// The IPFS store through a proxy that fails, or answers as Kubo does (tests/servers/ipfs.py).

#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "providers/every_call.h"
#include "providers/ipfs_fixture.h"
#include "support/fixed_random.h"
#include "support/thrown.h"

#include "modelfloat/store/ipfs/cid.h"
#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using namespace ipfs;

// What each call of the store says when one of its requests fails.
struct Fault {
  std::string name;
  std::string said;  // of a rule
  ErrorKind kind;
};

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = {
      {"reset_request", R"("times": 0, "fault": "reset_request", "at": 0)", ErrorKind::transient},
      {"reset_answer", R"("times": 0, "fault": "reset_answer", "at": -1)", ErrorKind::transient},
      {"unauthorised", R"("fault": "answer", "status": 401)", ErrorKind::denied},
      {"forbidden",
       R"("fault": "answer", "status": 403, "headers": {"Content-Type": "text/plain"}, "body": "403 - Forbidden")",
       ErrorKind::denied},
      {"no_such_call", R"("fault": "answer", "status": 404, "body": "404 page not found")", ErrorKind::invalid},
      {"conflict", R"("fault": "answer", "status": 409)", ErrorKind::invalid},
      {"condition", R"("fault": "answer", "status": 412)", ErrorKind::invalid},
      {"too_many", R"("fault": "answer", "status": 429, "headers": {"Retry-After": "7"})", ErrorKind::rate_limited},
      {"proxy_error", R"("fault": "answer", "status": 502, "body": "<html>")", ErrorKind::transient},
      {"unavailable", R"("fault": "answer", "status": 503)", ErrorKind::transient},
      {"full",
       R"("fault": "answer", "status": 500, "body": "{\"Message\":\"write: no space left on device\",\"Code\":0,\"Type\":\"error\"}")",
       ErrorKind::out_of_space},
      {"gave_up",
       R"("fault": "answer", "status": 500, "body": "{\"Message\":\"context deadline exceeded\",\"Code\":0,\"Type\":\"error\"}")",
       ErrorKind::timed_out},
      {"other_trouble",
       R"("fault": "answer", "status": 500, "body": "{\"Message\":\"lease lost\",\"Code\":0,\"Type\":\"error\"}")",
       ErrorKind::transient},
      {"error_behind_the_answer",
       R"("fault": "answer", "status": 200, "headers": {"X-Stream-Error": "block was not found locally"}, "body": "")",
       ErrorKind::corrupt},
  };
  return all;
}

TEST_F(IpfsStore, EveryFaultOfEveryRequestIsToldByItsKind) {
  const auto store = open_proxied();
  const Bytes bytes = random_bytes(5000);
  store->put(shard_name(1), bytes, k_no_deadline);
  const auto sink = [](const store::ObjectInfo&) {};
  const std::vector<std::tuple<std::string, std::vector<std::string>, std::function<void()>>> calls = {
      {"put", {"files/stat", "/add", "files/cp", "pin/rm"}, [&] { store->put(shard_name(2), bytes, k_no_deadline); }},
      {"get", {"files/stat", "/cat"}, [&] { store->get(shard_name(1), k_all, k_no_deadline); }},
      {"stat", {"files/stat"}, [&] { store->stat(shard_name(1), k_no_deadline); }},
      {"remove", {"files/stat", "files/rm"}, [&] { store->remove(shard_name(1), k_no_deadline); }},
      {"space", {"files/stat", "repo/stat"}, [&] { store->space(k_no_deadline); }}};
  for (const auto& [call, requests, work] : calls) {
    for (const std::string& request : requests) {
      for (const Fault& fault : faults()) {
        SCOPED_TRACE(call + ": " + fault.name + " at " + request);
        store->remove(shard_name(2), k_no_deadline);
        store->put(shard_name(1), bytes, k_no_deadline);
        proxy_->clear();
        proxy_->add("{\"target\": \"" + request + "\", " + fault.said + "}");
        const auto error = thrown_by(work);
        ASSERT_TRUE(error);
        EXPECT_EQ(error->kind, fault.kind) << error->what();
        EXPECT_EQ(error->retry_after,
                  fault.kind == ErrorKind::rate_limited ? std::optional<Milliseconds>(7000) : std::nullopt);
        proxy_->clear();
        EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline).value_or(bytes), bytes);
        EXPECT_EQ(store->get(shard_name(2), k_all, k_no_deadline).value_or(bytes), bytes);
      }
    }
  }
  for (const Fault& fault : faults()) {
    if (fault.kind == ErrorKind::timed_out || fault.kind == ErrorKind::corrupt)
      continue;  // a listing looks at the entries one by one then
    SCOPED_TRACE("list: " + fault.name);
    proxy_->clear();
    proxy_->add("{\"target\": \"files/ls\", \"skip\": 2, " + fault.said + "}");
    const auto error = thrown_by([&] { store->list("", sink, k_no_deadline); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, fault.kind) << error->what();
  }
}

TEST_F(IpfsStore, ANodeThatTakesNoConnectionIsOffline) {
  const auto store = open_proxied();
  proxy_->listen(false);
  expect_every_call_fails(*store, ErrorKind::offline);
}

TEST_F(IpfsStore, AnAnswerThatIsCutOrEmptyGivesNoBytes) {
  const auto store = open_proxied();
  store->put(shard_name(1), random_bytes(500'000), k_no_deadline);
  for (const char* fault : {R"("reset_answer", "times": 0, "at": 100000)", R"("cut", "times": 0, "at": 100000)",
                            R"("empty")", R"("shorter", "by": 1)"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"target": "/cat", "fault": )") + fault + "}");
    EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); })->kind, ErrorKind::transient) << fault;
  }
  proxy_->add(R"({"target": "/cat", "fault": "longer", "by": 1})");
  EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); })->kind, ErrorKind::corrupt);
  for (const char* fault :
       {R"("empty")", R"("answer", "status": 200, "body": "[]")", R"("answer", "status": 200, "body": "{}")"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"target": "files/stat", "fault": )") + fault + "}");
    EXPECT_EQ(thrown_by([&] { store->stat(shard_name(1), k_no_deadline); })->kind, ErrorKind::transient) << fault;
  }
}

TEST_F(IpfsStore, ANodeThatHangsOrCrawlsEndsByTheDeadlineOrAStop) {
  const auto store = open_proxied();
  store->put(shard_name(1), random_bytes(10'000), k_no_deadline);
  expect_every_call_ends_when_stopped(*proxy_, *store);
  expect_every_call_ends_by_its_deadline(*proxy_, *store);
  for (const char* fault : {R"("stall", "at": -1)", R"("stall", "at": 5)", R"("slow", "rate": 1)"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"target": "/cat", "fault": )") + fault + "}");
    EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, within(Milliseconds(400))); })->kind,
              ErrorKind::timed_out)
        << fault;
  }
}

TEST_F(IpfsStore, AFlippedBitIsHandedOn) {
  expect_flipped_bit_is_handed_on(*proxy_, *open_proxied(), R"("target": "/cat")");
}

TEST_F(IpfsStore, AStaleListLosesNothing) {
  expect_stale_list_loses_nothing(*proxy_, *open_proxied(), R"("target": "files/ls.*00")");
}

TEST_F(IpfsStore, BytesThatChangeOnTheWayAreNotTakenForOurs) {
  const auto store = open_proxied();
  for (const std::size_t size : {10'000U, 2'000'000U}) {
    proxy_->add(R"({"target": "/add", "fault": "request_flip", "at": 5000})");
    const auto error = thrown_by([&] { store->put(shard_name(size), random_bytes(size), k_no_deadline); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::corrupt);
    EXPECT_FALSE(store->stat(shard_name(size), k_no_deadline));
  }
}

TEST_F(IpfsStore, SuccessThatWasOnlySaidIsFoundOut) {
  const auto store = open_proxied();
  proxy_->add(R"({"target": "files/cp", "fault": "answer", "status": 200})");
  EXPECT_EQ(thrown_by([&] { store->put(shard_name(1), random_bytes(10), k_no_deadline); })->kind, ErrorKind::transient);
}

TEST_F(IpfsStore, WhatWasDoneThoughAnErrorWasSaidIsFineTheNextTime) {
  const auto store = open_proxied();
  const Bytes bytes = random_bytes(1000);
  proxy_->add(R"({"target": "files/cp", "fault": "answer_after", "status": 500})");
  EXPECT_EQ(thrown_by([&] { store->put(shard_name(1), bytes, k_no_deadline); })->kind, ErrorKind::transient);
  store->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes);
  proxy_->add(R"({"target": "files/rm", "fault": "answer_after", "status": 500})");
  EXPECT_EQ(thrown_by([&] { store->remove(shard_name(1), k_no_deadline); })->kind, ErrorKind::transient);
  store->remove(shard_name(1), k_no_deadline);
  EXPECT_FALSE(store->stat(shard_name(1), k_no_deadline));
}

TEST_F(IpfsStore, ARequestToWaitIsObeyed) {
  SystemClock clock;
  SystemRandom random;
  const auto store = store::make_retrying(open_proxied(), {.first = Milliseconds(1)}, clock, random);
  proxy_->add(R"({"target": "/add", "times": 1, "fault": "answer", "status": 429, "headers": {"Retry-After": "1"}})");
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  std::vector<double> times;
  for (const ProxiedCall& call : proxy_->log("POST")) {
    if (call.target.find("/add") != std::string::npos) times.push_back(call.seconds);
  }
  ASSERT_EQ(times.size(), 2U);
  EXPECT_GE(times[1] - times[0], 1.0);
}

// The forms in which Kubo answers otherwise than js-ipfs does.
TEST_F(IpfsStore, KubosFormsAreUnderstood) {
  const auto store = open_proxied();
  const Bytes bytes = random_bytes(1000);
  store->put(shard_name(1), bytes, k_no_deadline);
  const std::string cid = to_string(*store::ipfs::cid_of_file(bytes));
  proxy_->add(R"({"target": "files/stat", "fault": "answer", "status": 200, "body": "{\"Hash\":\")" + cid +
              R"(\",\"Size\":1000,\"CumulativeSize\":1000,\"Blocks\":0,\"Type\":\"file\"}"})");
  EXPECT_EQ(store->stat(shard_name(1), k_no_deadline)->size_bytes, 1000U);
  proxy_->clear();
  proxy_->add(
      R"({"target": "files/stat", "fault": "answer", "status": 500, "body": "{\"Message\":\"file does not exist\",\"Code\":0,\"Type\":\"error\"}"})");
  EXPECT_FALSE(store->stat(shard_name(1), k_no_deadline));
  // One document for a whole folder, and null for an empty one.
  proxy_->clear();
  const std::string leaf = shard_name(1).path().substr(13);
  proxy_->add(
      R"({"target": "files/ls", "skip": 2, "fault": "answer", "status": 200, "body": "{\"Entries\":[{\"Name\":\")" +
      leaf + R"(\",\"Type\":0,\"Size\":1000,\"Hash\":\"x\"}]}\n"})");
  std::vector<std::uint64_t> sizes;
  store->list("", [&](const store::ObjectInfo& info) { sizes.push_back(info.size_bytes); }, k_no_deadline);
  EXPECT_EQ(sizes, std::vector<std::uint64_t>{1000});
  proxy_->clear();
  proxy_->add(R"({"target": "files/ls", "fault": "answer", "status": 200, "body": "{\"Entries\":null}\n"})");
  store->list("", [](const auto&) { FAIL(); }, k_no_deadline);
  // What rm says of a file that another one removed first: success, and then not.
  proxy_->clear();
  proxy_->add(
      R"({"target": "files/rm", "fault": "answer_after", "status": 200, "headers": {"X-Stream-Error": "can't remove some files"}, "body": "\"/x: file does not exist\""})");
  store->remove(shard_name(1), k_no_deadline);
  // Numbers, where js-ipfs has text.
  proxy_->add(
      R"({"target": "repo/stat", "fault": "answer", "status": 200, "body": "{\"RepoSize\":1000,\"StorageMax\":10000000000}"})");
  const store::Space space = store->space(k_no_deadline);
  EXPECT_EQ(space.used_bytes, 1000U);
  EXPECT_EQ(space.free_bytes, 9'999'999'000U);
}

}  // namespace
}  // namespace modelfloat::test
