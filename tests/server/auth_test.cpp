#include "modelfloat/server/auth.h"

#include <set>

#include "support/fixed_random.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"

namespace modelfloat::server {
namespace {

TEST(Tokens, HaveTheShapeThatHubClientsInsistOn) {
  test::FixedRandom random;
  std::set<std::string> seen;
  std::set<char> characters;
  for (int i = 0; i < 200; ++i) {
    const auto token = make_token(random, from_unix_seconds(7), Scope::write);
    EXPECT_TRUE(looks_like_token(token.text)) << token.text;
    EXPECT_EQ(token.text.size(), 43U);
    EXPECT_EQ(token.row.hash, crypto::sha256(as_bytes(token.text)));
    EXPECT_EQ(token.row.scope, "write");
    EXPECT_EQ(token.row.created_at, from_unix_seconds(7));
    seen.insert(token.text);
    characters.insert(token.text.begin() + 3, token.text.end());
  }
  EXPECT_EQ(seen.size(), 200U);
  EXPECT_EQ(characters.size(), 62U);
}

TEST(Tokens, OtherTextIsNoToken) {
  const std::string good = "hf_" + std::string(40, 'a');
  EXPECT_TRUE(looks_like_token(good));
  EXPECT_FALSE(looks_like_token(good + "a"));
  EXPECT_FALSE(looks_like_token(good.substr(1)));
  EXPECT_FALSE(looks_like_token("hf_" + std::string(39, 'a') + "-"));
  EXPECT_FALSE(looks_like_token("xx_" + std::string(40, 'a')));
}

TEST(Scopes, AdminIncludesAllOthersOnlyThemselves) {
  for (const auto held : {Scope::read, Scope::write, Scope::infer, Scope::admin}) {
    EXPECT_EQ(scope_from(to_string(held)), held);
    for (const auto needed : {Scope::read, Scope::write, Scope::infer, Scope::admin}) {
      EXPECT_EQ(includes(held, needed), held == needed || held == Scope::admin);
    }
  }
  EXPECT_EQ(scope_from("root"), std::nullopt);
  EXPECT_EQ(scope_from(""), std::nullopt);
}

}  // namespace
}  // namespace modelfloat::server
