// The parts of the Google Drive store that need no server. tests/providers/drive_*_test.cpp has the
// rest.

#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include "support/store_context.h"
#include "support/thrown.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/store/drive/access_tokens.h"
#include "modelfloat/store/drive/address.h"
#include "modelfloat/store/drive/api_error.h"
#include "modelfloat/store/drive/known_files.h"
#include "modelfloat/store/drive/session.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::test {
namespace {

using namespace std::chrono_literals;
using namespace store::drive;

TEST(DriveAddress, IsWrittenInOneWay) {
  EXPECT_EQ(parse_address("models").rest(), "models");
  EXPECT_EQ(parse_address("/a//b c/ü/").rest(), "a/b c/ü");
  EXPECT_EQ(parse_address("//0AbC/models/").rest(), "//0AbC/models");
  EXPECT_EQ(parse_address("//0AbC/models").shared_drive, "0AbC");
  EXPECT_EQ(store::canonical_url("drive:/a/"), "drive:a");
  EXPECT_EQ(store::default_domain("drive:a", {}), "google");
}

TEST(DriveAddress, WhatNamesNoFolderIsInvalid) {
  for (const char* rest : {"", "/", "//", "//0AbC", "//0AbC/", "a/../b", "./a", "a\nb", "a\x7f"}) {
    EXPECT_EQ(kind_thrown([&] { parse_address(rest); }), ErrorKind::invalid) << rest;
  }
}

TEST(DriveAddress, EveryNameHasOnePlace) {
  FixedRandom random;
  const Hash256 hash = random.array<32>();
  const auto writer = random.array<16>();
  for (const ObjectName& name : {ObjectName::of(ObjectType::shard, hash), ObjectName::of(ObjectType::slot, hash),
                                 ObjectName::of_chain(ObjectType::log, writer, 7, hash),
                                 ObjectName::of_chain(ObjectType::checkpoint, writer, 64, hash), ObjectName::marker(),
                                 ObjectName::format_text(), ObjectName::rescue_reader()}) {
    const Place place = place_of(name);
    EXPECT_THAT(folders_of_objects(), testing::Contains(place.folder));
    EXPECT_EQ(place.leaf.find('/'), std::string::npos);
    EXPECT_EQ(object_at(place.folder, place.leaf), name);
    EXPECT_THAT(folders_with(name.path()), testing::ElementsAre(place.folder));
  }
  EXPECT_EQ(place_of(ObjectName::of(ObjectType::shard, hash)).leaf, to_hex(hash));
}

TEST(DriveAddress, WhatIsNoObjectHasNoName) {
  const std::string digits(64, 'a');
  for (const auto& [folder, leaf] :
       std::vector<std::pair<std::string, std::string>>{{"mf1", "notes.txt"},
                                                        {"mf1", "shard"},
                                                        {"mf1", "shard/aa/" + digits},
                                                        {"mf1/shard", digits + "a"},
                                                        {"mf1/shard", std::string(64, 'A')},
                                                        {"mf1/shard", "aa/" + digits.substr(3)},
                                                        {"mf1/log", digits},
                                                        {"mf1/log", std::string(32, 'a') + "-" + digits},
                                                        {"mf1/marker", digits},
                                                        {"mf1/other", digits},
                                                        {"", digits}}) {
    EXPECT_FALSE(object_at(folder, leaf)) << folder << " " << leaf;
  }
}

TEST(DriveAddress, APrefixLeadsToFolders) {
  EXPECT_EQ(folders_with("").size(), folders_of_objects().size());
  EXPECT_EQ(folders_with("mf1/").size(), folders_of_objects().size());
  EXPECT_THAT(folders_with("mf1/shard/ab"), testing::ElementsAre("mf1/shard"));
  EXPECT_THAT(folders_with("mf1/s"), testing::UnorderedElementsAre("mf1", "mf1/shard", "mf1/structure", "mf1/slot"));
  EXPECT_THAT(folders_with("x"), testing::IsEmpty());
}

TEST(DriveBackoff, DoublesUpToAMinuteAndStartsOverAfterASuccess) {
  FakeClock clock;
  Backoff backoff(clock);
  for (const Milliseconds wait : {1000ms, 2000ms, 4000ms, 8000ms, 16'000ms, 32'000ms, 64'000ms, 64'000ms}) {
    EXPECT_EQ(backoff.refused(), wait);
    EXPECT_EQ(backoff.refused(), wait) << "refused together counts once";
    clock.advance(wait);
  }
  backoff.worked();
  EXPECT_EQ(backoff.refused(), 1000ms);
}

store::http::Response answer(int status, std::string_view body) {
  store::http::Response response;
  response.status = status;
  response.headers = {{"content-type", "application/json"}};
  response.body = to_bytes(body);
  return response;
}

TEST(DriveErrors, TheReasonDecidesAndTheMessageIsPlain) {
  FakeClock clock;
  Backoff backoff(clock);
  const Error error = api_error(
      answer(403, R"({"error":{"errors":[{"reason":"storageQuotaExceeded","message":"x"}],"message":"full\nup"}})"),
      "drive:a", "cannot store it", backoff, clock.utc_now());
  EXPECT_EQ(error.kind, ErrorKind::out_of_space);
  EXPECT_STREQ(error.what(), "drive:a: cannot store it: HTTP status 403, storageQuotaExceeded: full up");
  for (const char* body : {"", "[]", "null", R"({"error":"x"})", R"({"error":{"errors":[]}})",
                           R"({"error":{"errors":[1]}})", R"({"error":{"errors":{}}})"}) {
    EXPECT_EQ(api_error(answer(403, body), "", "", backoff, clock.utc_now()).kind, ErrorKind::denied) << body;
    EXPECT_EQ(api_error(answer(500, body), "", "", backoff, clock.utc_now()).kind, ErrorKind::transient) << body;
    EXPECT_EQ(api_error(answer(404, body), "", "", backoff, clock.utc_now()).kind, ErrorKind::not_found) << body;
    EXPECT_EQ(token_error(answer(400, body), "", backoff, clock.utc_now()).kind, ErrorKind::denied) << body;
  }
}

TEST(DriveAddresses, LieBesideThatOfTokens) {
  EXPECT_EQ(oauth_addresses("").token, "https://oauth2.googleapis.com/token");
  EXPECT_EQ(oauth_addresses("").device_code, "https://oauth2.googleapis.com/device/code");
  EXPECT_EQ(oauth_addresses("http://127.0.0.1:1/token").device_code, "http://127.0.0.1:1/device/code");
  EXPECT_EQ(oauth_addresses("http://127.0.0.1:1/a/token").authorization, "http://127.0.0.1:1/a/auth");
  EXPECT_EQ(oauth_addresses("http://127.0.0.1:1").authorization, "http://127.0.0.1:1/auth");
}

TEST(DriveSession, ComesBackFromTheVaultOnlyToItsOwner) {
  FakeClock clock;
  store::MemoryVault vault;
  {
    Session session(vault, clock, "me");
    session.set_token({crypto::SecretBytes(std::string_view("secret")), clock.utc_now() + 1h});
    session.set_folders({{"", {"a"}}, {"mf1", {"b", "c"}}});
    session.set_pending("p", {"id", "http://x", 7, "abc", clock.utc_now()});
    session.set_pending("small", {"id2", "", 7, "abc", clock.utc_now()});
  }
  Session same(vault, clock, "me");
  EXPECT_EQ(as_text(same.token()->value.bytes()), "secret");
  EXPECT_EQ(same.folders().at("mf1").size(), 2U);
  EXPECT_EQ(same.pending("p")->size_bytes, 7U);
  EXPECT_FALSE(same.pending("small")) << "is not worth a write";
  clock.advance(std::chrono::hours(24 * 7));
  EXPECT_FALSE(same.pending("p")) << "the server has forgotten it";
  Session other(vault, clock, "you");
  EXPECT_FALSE(other.token());
  EXPECT_TRUE(other.folders().empty());
}

TEST(DriveSession, AVaultThatMakesNoSenseIsEmpty) {
  FakeClock clock;
  for (const char* saved :
       {"", "x", "[]", "{}", R"({"owner":"me"})", R"({"owner":"me","folders":3,"uploads":{}})",
        R"({"owner":"me","folders":{},"uploads":{"a":1}})", R"({"owner":"me","folders":{},"uploads":{},"token":1})"}) {
    store::MemoryVault vault;
    vault.save(as_bytes(saved));
    Session session(vault, clock, "me");
    EXPECT_FALSE(session.token()) << saved;
    EXPECT_TRUE(session.folders().empty()) << saved;
    EXPECT_FALSE(session.pending("a")) << saved;
  }
}

TEST(DriveSession, ForgetsTheOldestUploadsWhenThereAreMany) {
  FakeClock clock;
  store::MemoryVault vault;
  Session session(vault, clock, "me");
  for (int i = 0; i < 70; ++i) {
    clock.advance(1s);
    session.set_pending(std::to_string(i), {"id", "http://x", 1, "", clock.utc_now()});
  }
  EXPECT_FALSE(session.pending("0"));
  EXPECT_FALSE(session.pending("5"));
  EXPECT_TRUE(session.pending("6"));
  EXPECT_TRUE(session.pending("69"));
}

TEST(DriveKnownFiles, KeepsTheNewest) {
  NewestEntries<int> entries(3);
  for (int i = 0; i < 5; ++i) entries.set(std::to_string(i), i);
  EXPECT_EQ(entries.find("1"), nullptr);
  EXPECT_EQ(*entries.find("4"), 4);
  entries.set("2", 22);
  entries.set("5", 5);
  EXPECT_EQ(*entries.find("2"), 22);
  EXPECT_EQ(entries.find("3"), nullptr);
  entries.erase("2");
  entries.erase("2");
  EXPECT_EQ(entries.find("2"), nullptr);
}

TEST(DriveCredentials, AreAskedForByName) {
  RealContext context;
  store::StoreSettings settings;
  const auto make = [&] { store::make_store("drive:a", settings, context.context()); };
  EXPECT_EQ(kind_thrown(make), ErrorKind::denied);
  settings.credentials.set("client_id", "i");
  settings.credentials.set("client_secret", "s");
  EXPECT_EQ(kind_thrown(make), ErrorKind::denied);
  settings.credentials.set("refresh_token", "r");
  EXPECT_EQ(kind_thrown(make), std::nullopt);
  settings.api_url = "ftp://host";
  EXPECT_EQ(kind_thrown(make), ErrorKind::invalid);
  settings.api_url = "";
  settings.credentials.set("service_account", R"({"client_email":"x"})");
  EXPECT_EQ(kind_thrown(make), ErrorKind::invalid);
  settings.credentials.set("pasword", "x");
  EXPECT_EQ(kind_thrown(make), ErrorKind::invalid);
}

TEST(DriveJwt, AKeyThatIsNoneIsDenied) {
  ServiceAccount account{
      "a@b", "", "http://x/token",
      crypto::SecretBytes(std::string_view("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))};
  FakeClock clock;
  EXPECT_EQ(kind_thrown([&] { signed_assertion(account, "scope", "aud", clock.utc_now(), "drive:a"); }),
            ErrorKind::denied);
}

}  // namespace
}  // namespace modelfloat::test
