// The MEGA store against the emulator of tests/servers/mega_emulator.py: the suite of all stores,
// each kind of login, uploads, downloads, and other writers.

#include <thread>

#include "providers/mega_fixture.h"
#include "support/thrown.h"

namespace modelfloat::test {
namespace {

using namespace mega;
using nlohmann::json;

// In an account of its own, whose tree does not grow from test to test.
std::unique_ptr<StoreHome> make_home() { return ProviderHome::in_fresh_folder("mega:/", settings_of(make_account())); }

INSTANTIATE_TEST_SUITE_P(Mega, StoreSuite,
                         testing::Values(StoreCase{"mega", make_home, std::uint64_t{64} << 20, 3000,
                                                   unless_set(k_variable)}),
                         name_of_case);

// --- logins and sessions ---

TEST_F(MegaStoreTest, LogsInToEveryKindOfAccount) {
  for (const auto& settings :
       {settings_of("v1@example.com"), settings_of("V2@Example.com"), settings_of("totp@example.com", k_totp_secret)}) {
    StillPlace place(settings);
    place.prepare();
    const auto store = place.open();
    store->put(shard_name(1), random_bytes(1000), k_no_deadline);
    EXPECT_EQ(store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
  }
}

TEST_F(MegaStoreTest, UsesASessionAgain) {
  StillPlace place(settings_of("v2@example.com"));
  place.prepare();
  plan(json::array());
  place.open()->put(shard_name(1), random_bytes(10), k_no_deadline);
  EXPECT_EQ(place.open()->get(shard_name(1), {}, k_no_deadline), random_bytes(10));
  EXPECT_EQ(count("us") + count("us0"), 0U);
}

TEST_F(MegaStoreTest, ASessionOfAnotherAccountIsNotUsed) {
  StillPlace place(settings_of("v2@example.com"));
  place.prepare();
  const auto other = store::make_store(place.url(), settings_of("v1@example.com"), place.context());
  EXPECT_EQ(kind_thrown([&] { other->stat(shard_name(1), k_no_deadline); }),
            ErrorKind::offline);  // it has no such folder
}

TEST_F(MegaStoreTest, LogsInAnewWhenTheSessionEndsInTheMiddle) {
  for (const char* call : {"sc", "uq", "u", "p", "g", "f", "d"}) {
    StillPlace place(settings_of("v2@example.com"));
    place.prepare();
    const auto store = place.open();
    plan(json::array({{{"call", call}, {"expire", true}}}));
    store->put(shard_name(1), random_bytes(1000), k_no_deadline);
    EXPECT_EQ(store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
    store->remove(shard_name(1), k_no_deadline);
    EXPECT_EQ(listed(*store), 0U);
    EXPECT_EQ(count("us"), 1U) << call;
  }
}

TEST_F(MegaStoreTest, ManyThreadsLogInOnce) {
  StillPlace place(settings_of("v2@example.com"));
  place.prepare();
  const auto store = place.open();
  store->put(shard_name(1), random_bytes(1000), k_no_deadline);
  control({{"do", "set"}, {"email", "v2@example.com"}, {"keep_sessions", false}});
  plan(json::array());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { EXPECT_EQ(store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000)); });
  threads.clear();
  EXPECT_EQ(count("us"), 1U);
}

TEST_F(MegaStoreTest, AWrongPasswordIsDeniedAndNotTriedAgainAtOnce) {
  auto settings = settings_of("v2@example.com");
  settings.credentials.set("password", "s3cret-but-wrong");
  StillPlace place(settings);
  const auto store = place.open();
  for (int i = 0; i < 3; ++i) {
    const auto error = thrown_by([&] { store->stat(shard_name(1), k_no_deadline); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::denied);
    EXPECT_EQ(std::string(error->what()).find("s3cret"), std::string::npos);
  }
  EXPECT_EQ(count("us"), 1U);
  place.clock().advance(std::chrono::minutes(6));
  EXPECT_EQ(kind_thrown([&] { store->stat(shard_name(1), k_no_deadline); }), ErrorKind::denied);
  EXPECT_EQ(count("us"), 2U);
}

TEST_F(MegaStoreTest, SaysWhatIsWrongWithTheSecondFactor) {
  const auto stat_with = [](const store::StoreSettings& settings) {
    StillPlace place(settings);
    return thrown_by([&] { place.open()->stat(shard_name(1), k_no_deadline); });
  };
  const auto missing = stat_with(settings_of("totp@example.com"));
  EXPECT_EQ(missing->kind, ErrorKind::denied);
  EXPECT_NE(std::string(missing->what()).find("totp_secret"), std::string::npos);
  EXPECT_EQ(stat_with(settings_of("totp@example.com", "AAAAAAAAAAAAAAAA"))->kind, ErrorKind::denied);
  const auto malformed = stat_with(settings_of("totp@example.com", "not/base32"));
  EXPECT_EQ(malformed->kind, ErrorKind::invalid);
  EXPECT_EQ(std::string(malformed->what()).find("not/base32"), std::string::npos);
}

TEST_F(MegaStoreTest, ABlockedAccountIsDenied) {
  const std::string email = make_account();
  StillPlace place(settings_of(email));
  place.prepare();
  const auto store = place.open();
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  control({{"do", "set"}, {"email", email}, {"blocked", true}});
  EXPECT_EQ(kind_thrown([&] { store->get(shard_name(1), {}, k_no_deadline); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { store->stat(shard_name(1), k_no_deadline); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { store->put(shard_name(2), random_bytes(10), k_no_deadline); }), ErrorKind::denied);
  StillPlace fresh(settings_of(email));
  EXPECT_EQ(kind_thrown([&] { fresh.open()->stat(shard_name(1), k_no_deadline); }), ErrorKind::denied);
}

TEST_F(MegaStoreTest, SettingsThatMakeNoSenseAreRefused) {
  StillPlace place(settings_of("v2@example.com"));
  auto settings = settings_of("v2@example.com");
  settings.credentials.set("user", "x");
  EXPECT_EQ(kind_thrown([&] { store::make_store("mega:/f", settings, place.context()); }), ErrorKind::invalid);
  settings = settings_of("v2@example.com");
  settings.credentials.set("password", "");
  EXPECT_EQ(kind_thrown([&] { store::make_store("mega:/f", settings, place.context()); }), ErrorKind::denied);
  settings = settings_of("v2@example.com");
  settings.api_url = "ftp://127.0.0.1";
  EXPECT_EQ(kind_thrown([&] { store::make_store("mega:/f", settings, place.context()); }), ErrorKind::invalid);
  for (const std::string_view url : {"mega:", "mega:/a/../b", "mega:/a/./b", "mega:/a\nb"}) {
    EXPECT_EQ(kind_thrown([&] { store::canonical_url(url); }), ErrorKind::invalid) << url;
  }
  EXPECT_EQ(store::canonical_url("mega:a//b/"), "mega:/a/b");
  EXPECT_EQ(store::default_domain("mega:/a", {}), "mega");
}

TEST_F(MegaStoreTest, AFolderThatIsNotThereIsOfflineAndNotMade) {
  StillPlace place(settings_of("v2@example.com"));
  const auto store = place.open();
  EXPECT_EQ(kind_thrown([&] { store->put(shard_name(1), random_bytes(10), k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { store->get(shard_name(1), {}, k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { listed(*store); }), ErrorKind::offline);
  EXPECT_EQ(count("p"), 0U);
  place.prepare();
  EXPECT_EQ(listed(*store), 0U);
}

TEST_F(MegaStoreTest, AFolderMayLieDeepInTheAccount) {
  StillPlace place(settings_of("v2@example.com"), "mega:/" + fresh_name() + "/Ünïcode und mehr/c");
  place.prepare();
  place.prepare();
  place.open()->put(shard_name(1), random_bytes(10), k_no_deadline);
  EXPECT_EQ(listed(*place.open()), 1U);
}

// --- uploads ---

TEST_F(MegaStoreTest, AFullAccountIsFullBeforeTheUpload) {
  const std::string email = make_account({{"quota", 1'000'000}});
  Warm warm(email);
  EXPECT_EQ(kind_thrown([&] { warm.store->put(shard_name(2), random_bytes(999'500), k_no_deadline); }),
            ErrorKind::out_of_space);
  EXPECT_EQ(count("u"), 0U);
  warm.store->put(shard_name(2), random_bytes(900'000), k_no_deadline);
  EXPECT_EQ(kind_thrown([&] { warm.store->put(shard_name(3), random_bytes(200'000), k_no_deadline); }),
            ErrorKind::out_of_space);
  warm.store->remove(shard_name(2), k_no_deadline);
  warm.store->put(shard_name(3), random_bytes(200'000), k_no_deadline);
  const store::Space space = warm.store->space(k_no_deadline);
  EXPECT_EQ(space.used_bytes, 201'000U);
  EXPECT_EQ(space.free_bytes, 799'000U);
}

TEST_F(MegaStoreTest, AnAccountThatFillsInTheMiddleIsOutOfSpace) {
  Warm warm;
  for (const char* call : {"u", "ul", "p"}) {
    for (const int code : {-17, -24}) {
      plan(json::array());
      warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);  // its folder is there
      plan(json::array({{{"call", call}, {"code", code}}}));
      EXPECT_EQ(kind_thrown([&] { warm.store->put(shard_name(2), random_bytes(5'000'000, 3), k_no_deadline); }),
                ErrorKind::out_of_space)
          << call;
      EXPECT_EQ(warm.store->get(shard_name(2), {}, k_no_deadline), random_bytes(10));
    }
  }
}

TEST_F(MegaStoreTest, AnUploadBeginsAnewAtAnotherAddress) {
  Warm warm;
  for (const json& fault : {json{{"status", 404}}, json{{"code", -8}}, json{{"code", -5}}, json{{"code", -6}}}) {
    json one = fault;
    one["call"] = "ul";
    one["skip"] = 1;
    plan(json::array({one}));
    const Bytes bytes = random_bytes(20'000'000, 7);  // two requests
    warm.store->put(shard_name(1), bytes, k_no_deadline);
    EXPECT_EQ(count("u"), 2U) << one;
    EXPECT_TRUE(warm.store->get(shard_name(1), {}, k_no_deadline) == bytes) << one;
  }
  plan(json::array({{{"call", "ul"}, {"status", 404}, {"times", 100}}}));
  EXPECT_EQ(kind_thrown([&] { warm.store->put(shard_name(2), random_bytes(10), k_no_deadline); }),
            ErrorKind::transient);
}

TEST_F(MegaStoreTest, ARequestThatBreaksInTheMiddleIsSentAgain) {
  Warm warm;
  for (const std::size_t at : {0U, 1U, 3'000'000U}) {
    plan(json::array({{{"call", "ul"}, {"cut", at}}}));
    const Bytes bytes = random_bytes(5'000'000, 8);
    warm.store->put(shard_name(1), bytes, k_no_deadline);
    EXPECT_EQ(count("u"), 1U);
    EXPECT_TRUE(warm.store->get(shard_name(1), {}, k_no_deadline) == bytes) << at;
  }
}

TEST_F(MegaStoreTest, WhatIsOnlySaidToBeStoredIsNotThere) {
  Warm warm;
  warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);
  warm.store->remove(shard_name(2), k_no_deadline);
  plan(json::array({{{"call", "p"}, {"pretend", true}}}));
  warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);
  EXPECT_EQ(kind_thrown([&] { warm.store->get(shard_name(2), {}, k_no_deadline); }), ErrorKind::corrupt);
  EXPECT_FALSE(warm.store->stat(shard_name(2), k_no_deadline));
  EXPECT_EQ(warm.store->get(shard_name(2), {}, k_no_deadline), std::nullopt);
  EXPECT_EQ(listed(*warm.store), 1U);
  plan(json::array({{{"call", "p"}, {"pretend", true}}}));
  warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);
  EXPECT_EQ(listed(*warm.store), 1U);
}

TEST_F(MegaStoreTest, OfTwoObjectsWithOneNameOneIsListedAndBothAreRemoved) {
  Warm warm;
  warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);
  plan(json::array({{{"call", "p"}, {"twice", true}}}));
  warm.store->put(shard_name(2), random_bytes(10), k_no_deadline);
  EXPECT_EQ(listed(*warm.store), 2U);
  EXPECT_EQ(listed(*warm.place.open()), 2U);
  EXPECT_EQ(warm.store->get(shard_name(2), {}, k_no_deadline), random_bytes(10));
  warm.store->remove(shard_name(2), k_no_deadline);
  EXPECT_EQ(listed(*warm.store), 1U);
  EXPECT_EQ(listed(*warm.place.open()), 1U);
}

// --- downloads ---

TEST_F(MegaStoreTest, AUsedUpTransferQuotaSaysHowLongToWait) {
  Warm warm;
  const auto wait_after = [&](const json& fault) {
    plan(json::array({fault}));
    const auto error = thrown_by([&] { warm.store->get(shard_name(1), {}, k_no_deadline); });
    EXPECT_EQ(error->kind, ErrorKind::rate_limited) << fault;
    return error->retry_after.value_or(Milliseconds(0));
  };
  EXPECT_EQ(wait_after({{"call", "dl"}, {"status", 509}, {"headers", {{"X-MEGA-Time-Left", "7200"}}}}),
            std::chrono::hours(2));
  EXPECT_EQ(wait_after({{"call", "dl"}, {"status", 509}}), std::chrono::hours(3));
  EXPECT_EQ(wait_after({{"call", "dl"}, {"status", 509}, {"headers", {{"X-MEGA-Time-Left", "soon"}}}}),
            std::chrono::hours(3));
  EXPECT_EQ(wait_after({{"call", "g"}, {"code", -17}}), std::chrono::hours(3));
  EXPECT_EQ(wait_after({{"call", "g"}, {"code", -24}}), std::chrono::hours(3));
  EXPECT_EQ(warm.store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
}

TEST_F(MegaStoreTest, WrongBytesAreNeverGiven) {
  Warm warm;
  const auto kind_with = [&](const json& fault) {
    plan(json::array({fault}));
    return kind_thrown([&] { warm.store->get(shard_name(1), {}, k_no_deadline); });
  };
  EXPECT_EQ(kind_with({{"call", "dl"}, {"flip", 0}}), ErrorKind::corrupt);
  EXPECT_EQ(kind_with({{"call", "dl"}, {"flip", 999}}), ErrorKind::corrupt);
  EXPECT_EQ(kind_with({{"call", "dl"}, {"short", 1}}), ErrorKind::corrupt);
  EXPECT_EQ(kind_with({{"call", "dl"}, {"short", 1000}}), ErrorKind::corrupt);
  EXPECT_EQ(kind_with({{"call", "dl"}, {"cut", 500}}), ErrorKind::transient);
  EXPECT_EQ(kind_with({{"call", "dl"}, {"reset", true}, {"times", 2}}), ErrorKind::transient);
  EXPECT_EQ(kind_with({{"call", "dl"}, {"status", 503}}), ErrorKind::transient);
  plan(json::array());
  EXPECT_EQ(warm.store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
}

TEST_F(MegaStoreTest, DamageOnTheServerIsFound) {
  const std::string email = make_account();
  Warm warm(email);
  control({{"do", "damage"}, {"email", email}});
  EXPECT_EQ(kind_thrown([&] { warm.store->get(shard_name(1), {}, k_no_deadline); }), ErrorKind::corrupt);
  warm.store->put(shard_name(1), random_bytes(1000), k_no_deadline);
  EXPECT_EQ(warm.store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
}

TEST_F(MegaStoreTest, AnAddressThatHasExpiredIsReplaced) {
  Warm warm;
  plan(json::array({{{"call", "dl"}, {"status", 404}, {"times", 2}}}));
  EXPECT_EQ(warm.store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
  plan(json::array({{{"call", "dl"}, {"status", 404}, {"times", 100}}}));
  EXPECT_EQ(kind_thrown([&] { warm.store->get(shard_name(1), {}, k_no_deadline); }), ErrorKind::corrupt);
}

TEST_F(MegaStoreTest, AStallEndsAtTheDeadline) {
  Warm warm;
  plan(json::array({{{"call", "dl"}, {"stall", 3}}}));
  CallOptions soon;
  soon.deadline = std::chrono::steady_clock::now() + Milliseconds(200);
  EXPECT_EQ(kind_thrown([&] { warm.store->get(shard_name(1), {}, soon); }), ErrorKind::timed_out);
}

// --- other writers ---

TEST_F(MegaStoreTest, SeesWhatOthersDoOnceTheServerTells) {
  Warm warm;
  const auto other = warm.place.open();
  EXPECT_EQ(listed(*other), 1U);
  warm.store->put(shard_name(2), random_bytes(20), k_no_deadline);
  plan(json::array({{{"call", "sc"}, {"hide", true}, {"times", 100}}}));
  EXPECT_FALSE(other->stat(shard_name(2), k_no_deadline));  // stale
  plan(json::array());
  EXPECT_EQ(other->stat(shard_name(2), k_no_deadline)->size_bytes, 20U);
  EXPECT_EQ(count("f"), 0U);  // by events alone
}

TEST_F(MegaStoreTest, WhatOthersRemovedIsGoneThoughTheTreeIsStale) {
  Warm warm;
  const auto other = warm.place.open();
  EXPECT_EQ(listed(*other), 1U);
  warm.store->remove(shard_name(1), k_no_deadline);
  EXPECT_EQ(other->get(shard_name(1), {}, k_no_deadline), std::nullopt);
  warm.store->put(shard_name(1), random_bytes(10, 5), k_no_deadline);
  EXPECT_EQ(other->get(shard_name(1), {}, k_no_deadline), random_bytes(10, 5));
  warm.store->put(shard_name(1), random_bytes(10, 6), k_no_deadline);  // another node in its place
  EXPECT_EQ(other->get(shard_name(1), {}, k_no_deadline), random_bytes(10, 6));
}

TEST_F(MegaStoreTest, AnObjectThatIsReplacedAgainAndAgainIsRead) {
  Warm warm;
  plan(json::array({{{"call", "g"}, {"replaced", true}, {"times", 7}}}));
  EXPECT_EQ(warm.store->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
  EXPECT_EQ(count("g"), 8U);
}

TEST_F(MegaStoreTest, WhatIsListedButNeverThereIsCorrupt) {
  Warm warm;
  plan(json::array({{{"call", "g"}, {"code", -9}, {"times", 100}}}));
  EXPECT_EQ(kind_thrown([&] { warm.store->get(shard_name(1), {}, k_no_deadline); }), ErrorKind::corrupt);
}

TEST_F(MegaStoreTest, ReadsAllAnewWhenTheEventsAreTooOld) {
  Warm warm;
  for (const int code : {-6, -2, -9}) {
    plan(json::array({{{"call", "sc"}, {"code", code}}}));
    EXPECT_TRUE(warm.store->stat(shard_name(1), k_no_deadline)) << code;
    EXPECT_EQ(count("f"), 1U);
  }
}

TEST_F(MegaStoreTest, OthersMayMakeTheSameFoldersAtTheSameTime) {
  StillPlace place(settings_of("v2@example.com"));
  place.prepare();
  const auto one = place.open();
  const auto two = place.open();
  EXPECT_EQ(listed(*one) + listed(*two), 0U);
  std::jthread first([&] { one->put(shard_name(1), random_bytes(10, 1), k_no_deadline); });
  two->put(shard_name(2), random_bytes(10, 2), k_no_deadline);
  first.join();
  EXPECT_EQ(listed(*one), 2U);
  EXPECT_EQ(listed(*place.open()), 2U);
}

}  // namespace
}  // namespace modelfloat::test
