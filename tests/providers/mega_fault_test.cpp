// What the MEGA store repeats when calls fail, and what it means in the end.

#include <functional>
#include <iomanip>
#include <sstream>

#include "providers/every_call.h"
#include "providers/mega_fixture.h"
#include "support/thrown.h"

#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using namespace mega;
using nlohmann::json;

// "Wed, 21 Oct 2015 07:28:00 GMT"
std::string http_date(UtcTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << std::put_time(&parts, "%a, %d %b %Y %H:%M:%S GMT");
  return text.str();
}

json busy(int status, const std::string& retry_after) {
  return {{"status", status}, {"headers", {{"Retry-After", retry_after}}}};
}

TEST_F(MegaStoreTest, WhatMegaAsksToRepeatIsRepeatedWithGrowingPauses) {
  Warm warm;
  for (const char* call : {"sc", "uq", "u", "p", "g", "d", "ul"}) {
    const std::size_t before = warm.place.clock().sleeps().size();
    plan(json::array({{{"call", call}, {"code", -3}, {"times", 3}}}));
    warm.put_get_and_remove();
    const auto sleeps = warm.place.clock().sleeps();
    ASSERT_EQ(sleeps.size(), before + 3) << call;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_GE(sleeps[before + i], Milliseconds(125 << i)) << call;
      EXPECT_LE(sleeps[before + i], Milliseconds(250 << i)) << call;
    }
  }
}

TEST_F(MegaStoreTest, TroubleOnTheWayIsRepeated) {
  Warm warm;
  for (const json& fault : {json{{"status", 500}}, json{{"status", 503}}, json{{"reset", true}},
                            json{{"unanswered", true}}, json{{"cut", 1}}, json{{"one_code", -3}}}) {
    for (const char* call : {"sc", "uq", "u", "p", "g", "d", "ul"}) {
      if (fault.contains("one_code") && (std::string_view(call) == "sc" || std::string_view(call) == "ul"))
        continue;  // these answer no lists
      json one = fault;
      one["call"] = call;
      plan(json::array({one}));
      SCOPED_TRACE(one.dump());
      warm.put_get_and_remove();
      EXPECT_GE(count(call), 2U);
    }
  }
}

TEST_F(MegaStoreTest, TroubleOnTheWayOfAFirstLookIsRepeated) {
  const std::string email = make_account();
  const Warm warm(email);
  for (const json& fault : {json{{"code", -3}}, json{{"code", -4}}, json{{"status", 500}}, json{{"status", 503}},
                            busy(429, "7"), json{{"reset", true}}, json{{"unanswered", true}}, json{{"cut", 1}}}) {
    for (const char* call : {"us0", "us", "f"}) {
      json one = fault;
      one["call"] = call;
      plan(json::array({one}));
      SCOPED_TRACE(one.dump());
      StillPlace fresh(settings_of(email), warm.place.url());
      EXPECT_TRUE(fresh.open()->stat(shard_name(1), k_no_deadline));
      EXPECT_EQ(count(call), 2U);
    }
  }
}

TEST_F(MegaStoreTest, WhatWasDoneThoughNobodyAnsweredIsNotDoneTwice) {
  Warm warm;
  warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);
  warm.store->remove(shard_name(2), k_no_deadline);  // its folder stays
  plan(json::array({{{"call", "p"}, {"unanswered", true}, {"times", 2}}}));
  warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);
  EXPECT_EQ(count("p"), 3U);
  EXPECT_EQ(listed(*warm.store), 2U);
  plan(json::array());
  warm.store->remove(shard_name(2), k_no_deadline);
  EXPECT_EQ(count("d"), 1U);  // one call, with one node in it
  EXPECT_EQ(listed(*warm.store), 1U);
}

TEST_F(MegaStoreTest, SlowingDownIsObeyed) {
  Warm warm;
  for (const char* call : {"sc", "u", "p", "g"}) {
    const std::size_t before = warm.place.clock().sleeps().size();
    plan(json::array({{{"call", call}, {"code", -4}, {"times", 2}}}));
    warm.put_get_and_remove();
    const auto sleeps = warm.place.clock().sleeps();
    ASSERT_EQ(sleeps.size(), before + 2) << call;
    EXPECT_GE(sleeps[before], Milliseconds(1000));
    EXPECT_GE(sleeps[before + 1], Milliseconds(2000));
  }
}

TEST_F(MegaStoreTest, AShortTimeThatTheServerAsksForIsWaited) {
  Warm warm;
  for (const int status : {429, 500, 503}) {
    for (const char* call : {"sc", "uq", "u", "p", "g", "d"}) {
      const std::size_t before = warm.place.clock().sleeps().size();
      json fault = busy(status, "7");
      fault.update({{"call", call}, {"times", 2}});
      plan(json::array({fault}));
      SCOPED_TRACE(fault.dump());
      warm.put_get_and_remove();
      const auto sleeps = warm.place.clock().sleeps();
      ASSERT_EQ(sleeps.size(), before + 2);
      EXPECT_GE(sleeps[before], Milliseconds(7000));
      EXPECT_GE(sleeps[before + 1], Milliseconds(7000));
    }
  }
}

TEST_F(MegaStoreTest, ALongTimeThatTheServerAsksForIsLeftToTheCaller) {
  Warm warm;
  const auto now = warm.place.clock().utc_now();
  for (const char* call : {"uq", "u", "p", "ul", "sc", "g", "dl"}) {
    for (const auto& [status, kind] : {std::pair(429, ErrorKind::rate_limited), std::pair(503, ErrorKind::rate_limited),
                                       std::pair(500, ErrorKind::transient)}) {
      for (const auto& asked : {std::string("60"), http_date(now + Milliseconds(60'000))}) {
        const std::size_t before = warm.place.clock().sleeps().size();
        json fault = busy(status, asked);
        fault["call"] = call;
        plan(json::array({fault}));
        SCOPED_TRACE(fault.dump());
        const auto error = thrown_by([&] {
          if (std::string_view(call) == "uq") warm.store->space(k_no_deadline);
          if (std::string_view("u p ul sc").find(call) != std::string_view::npos)
            warm.store->put(shard_name(1), random_bytes(1000), k_no_deadline);
          warm.store->get(shard_name(1), {}, k_no_deadline);
        });
        ASSERT_TRUE(error);
        EXPECT_EQ(error->kind, kind);
        // Dates have no fractions.
        EXPECT_GE(error->retry_after.value_or(Milliseconds(0)), Milliseconds(58'000));
        EXPECT_LE(error->retry_after.value_or(Milliseconds(0)), Milliseconds(60'000));
        EXPECT_EQ(count(call), 1U);
        EXPECT_EQ(warm.place.clock().sleeps().size(), before);
        EXPECT_EQ(warm.store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
      }
    }
  }
}

TEST_F(MegaStoreTest, TheTimeThatTheServerAsksForIsWaitedByTheWrappers) {
  Warm warm;
  SystemRandom random;
  const auto retrying = store::make_retrying(warm.place.open(), store::RetryLimits(), warm.place.clock(), random);
  retrying->space(k_no_deadline);
  const std::size_t before = warm.place.clock().sleeps().size();
  json fault = busy(429, "60");
  fault.update({{"call", "uq"}, {"times", 2}});
  plan(json::array({fault}));
  retrying->space(k_no_deadline);
  const auto sleeps = warm.place.clock().sleeps();
  ASSERT_EQ(sleeps.size(), before + 2);
  EXPECT_GE(sleeps[before], Milliseconds(60'000));
  EXPECT_GE(sleeps[before + 1], Milliseconds(60'000));
}

TEST_F(MegaStoreTest, ATimeBeyondTheDeadlineIsNotWaited) {
  Warm warm;
  const std::size_t before = warm.place.clock().sleeps().size();
  json fault = busy(429, "7");
  fault["call"] = "uq";
  plan(json::array({fault}));
  CallOptions soon;
  soon.deadline = warm.place.clock().steady_now() + Milliseconds(5000);
  const auto error = thrown_by([&] { warm.store->space(soon); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::rate_limited);
  EXPECT_EQ(error->retry_after, Milliseconds(7000));
  EXPECT_EQ(warm.place.clock().sleeps().size(), before);
}

TEST_F(MegaStoreTest, WhatNeverEndsIsReportedAsWhatItIs) {
  const std::vector<std::pair<json, ErrorKind>> cases = {
      {{{"code", -3}}, ErrorKind::transient},    {{{"code", -4}}, ErrorKind::rate_limited},
      {{{"status", 500}}, ErrorKind::transient}, {{{"reset", true}}, ErrorKind::transient},
      {{{"status", 404}}, ErrorKind::not_found}, {{{"code", -1}}, ErrorKind::transient},
      {{{"code", -2}}, ErrorKind::internal},     {{{"code", -11}}, ErrorKind::denied},
      {{{"code", -16}}, ErrorKind::denied},      {{{"code", -18}}, ErrorKind::transient},
      {{{"code", -6}}, ErrorKind::rate_limited}, {{{"code", -29}}, ErrorKind::denied},
      {{{"code", -999}}, ErrorKind::internal}};
  Warm warm;
  for (const auto& [fault, kind] : cases) {
    json one = fault;
    one["call"] = "uq";
    one["times"] = 100;
    plan(json::array({one}));
    const auto error = thrown_by([&] { warm.store->space(k_no_deadline); });
    ASSERT_TRUE(error) << one;
    EXPECT_EQ(error->kind, kind) << one;
    EXPECT_EQ(error->retry_after.value_or(Milliseconds(0)) >= Milliseconds(1000), kind == ErrorKind::rate_limited)
        << one;
    EXPECT_NE(std::string(error->what()).find(warm.place.url()), std::string::npos);
    EXPECT_LE(count("uq"), 14U) << one;  // libcurl tries a connection that was kept twice
  }
}

TEST_F(MegaStoreTest, ConnectionsThatAreRefusedAreOffline) {
  FaultProxy proxy(*server_variable("MODELFLOAT_TEST_MEGA_CONTROL"));
  auto settings = settings_of(make_account());
  settings.api_url = *server_variable("MODELFLOAT_TEST_MEGA_PROXY");
  StillPlace place(settings);
  place.prepare();
  const auto warm = place.open();
  warm->put(shard_name(1), random_bytes(1000), k_no_deadline);
  StillPlace without_session(settings, place.url());
  proxy.listen(false);
  expect_every_call_fails(*warm, ErrorKind::offline, {std::string(k_password)});
  expect_every_call_fails(*place.open(), ErrorKind::offline, {std::string(k_password)});
  expect_every_call_fails(*without_session.open(), ErrorKind::offline, {std::string(k_password)});
  proxy.listen(true);
  EXPECT_EQ(warm->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
  // The storage servers have addresses of their own.
  plan(json::array({{{"call", "g"}, {"dead", true}}, {{"call", "u"}, {"dead", true}}}));
  EXPECT_EQ(kind_thrown([&] { warm->get(shard_name(1), {}, k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { warm->put(shard_name(1), random_bytes(10), k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(warm->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
}

// Before it answers, and in the middle of its answer: no call takes longer than it may, and nothing
// is lost by it.
TEST_F(MegaStoreTest, AStalledOrCreepingServerIsLeftAtTheDeadline) {
  const std::string email = make_account();
  Warm warm(email);
  const Bytes bytes = random_bytes(1000, 2);
  using Work = std::function<void(const CallOptions&)>;
  const Work put = [&](const CallOptions& options) { warm.store->put(shard_name(2), bytes, options); };
  const Work get = [&](const CallOptions& options) {
    EXPECT_EQ(warm.store->get(shard_name(1), {}, options), random_bytes(1000));
  };
  const Work log_in = [&](const CallOptions& options) {
    StillPlace(settings_of(email), warm.place.url()).open()->stat(shard_name(1), options);
  };
  const std::pair<const char*, Work> calls[] = {
      {"sc", [&](const CallOptions& options) { warm.store->list("", [](const store::ObjectInfo&) {}, options); }},
      {"sc", [&](const CallOptions& options) { warm.store->stat(shard_name(1), options); }},
      {"uq", [&](const CallOptions& options) { warm.store->space(options); }},
      {"u", put},
      {"ul", put},
      {"p", put},
      {"g", get},
      {"dl", get},
      {"d", [&](const CallOptions& options) { warm.store->remove(shard_name(2), options); }},
      {"f", [&](const CallOptions& options) { warm.place.open()->stat(shard_name(1), options); }},
      {"us0", log_in},
      {"us", log_in},
  };
  for (const json& fault : {json{{"stall", 3}}, json{{"slow", 1}}}) {
    for (const auto& [call, work] : calls) {
      json one = fault;
      one["call"] = call;
      SCOPED_TRACE(one.dump());
      warm.store->put(shard_name(2), bytes, k_no_deadline);
      plan(json::array({one}));
      CallOptions soon;
      const bool logs_in = std::string_view(call).starts_with("us");  // which takes work of our own
      soon.deadline = std::chrono::steady_clock::now() + Milliseconds(logs_in ? 1500 : 500);
      EXPECT_EQ(kind_thrown([&, &run = work] { run(soon); }), ErrorKind::timed_out);
      EXPECT_EQ(count(call), 1U);
      plan(json::array());
      EXPECT_EQ(warm.store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
      work(k_no_deadline);
    }
  }
}

TEST_F(MegaStoreTest, AStopEndsEveryCallThatHangs) {
  FaultProxy proxy(*server_variable("MODELFLOAT_TEST_MEGA_CONTROL"));
  auto settings = settings_of(make_account());
  settings.api_url = *server_variable("MODELFLOAT_TEST_MEGA_PROXY");
  StillPlace place(settings);
  place.prepare();
  const auto store = place.open();
  store->put(shard_name(1), random_bytes(1000), k_no_deadline);
  expect_every_call_ends_when_stopped(proxy, *store);
}

TEST_F(MegaStoreTest, ADeadlineEndsTheRepeating) {
  Warm warm;
  plan(json::array({{{"call", "uq"}, {"code", -3}, {"times", 100}}}));
  CallOptions soon;
  soon.deadline = std::chrono::steady_clock::now() + Milliseconds(300);
  const auto kind = kind_thrown([&] { warm.store->space(soon); });
  EXPECT_TRUE(kind == ErrorKind::timed_out || kind == ErrorKind::transient);
  plan(json::array({{{"call", "uq"}, {"stall", 3}}}));
  soon.deadline = std::chrono::steady_clock::now() + Milliseconds(200);
  EXPECT_EQ(kind_thrown([&] { warm.store->space(soon); }), ErrorKind::timed_out);
}

TEST_F(MegaStoreTest, WorkIsDoneForAServerThatWantsIt) {
  Warm warm;
  plan(json::array({{{"call", "u"}, {"hashcash", 255}}, {{"call", "p"}, {"hashcash", 250}}}));
  warm.put_get_and_remove();
  plan(json::array({{{"call", "us"}, {"hashcash", 255}}, {{"call", "us0"}, {"hashcash", 255}}}));
  StillPlace fresh(settings_of("v2@example.com"));
  fresh.prepare();
  // With nothing that could be solved.
  plan(json::array({{{"call", "uq"}, {"status", 402}, {"times", 100}}}));
  EXPECT_EQ(kind_thrown([&] { warm.store->space(k_no_deadline); }), ErrorKind::rate_limited);
}

}  // namespace
}  // namespace modelfloat::test
