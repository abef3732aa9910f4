// What opens an account opens nowhere else than where it was sealed.
#include "modelfloat/engine/pool/store_secrets.h"

#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::engine {
namespace {

constexpr StoreId k_store{std::byte{1}};
constexpr StoreId k_other_store{std::byte{2}};

class StoreSecretsTest : public testing::Test {
 protected:
  crypto::SecretKey root(int number) {
    return crypto::SecretKey(std::array<std::byte, 32>{static_cast<std::byte>(number)});
  }
  ErrorKind error_of(const StoreSecrets& secrets, const StoreId& store, std::string_view field, ByteSpan sealed) {
    try {
      secrets.open(store, field, sealed);
    } catch (const Error& error) {
      return error.kind;
    }
    return ErrorKind::internal;
  }

  test::TemporaryFolder folder_;
  test::FixedRandom random_;
  std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  mf1::Keyring keys_{PoolId{std::byte{9}}, 1, root(1)};
  StoreSecrets secrets_{keys_, random_};
};

TEST_F(StoreSecretsTest, OpensWhereItWasSealedAndNowhereElse) {
  const Bytes sealed = secrets_.seal(k_store, "credentials", as_bytes("hunter2"));
  EXPECT_EQ(as_text(secrets_.open(k_store, "credentials", sealed).bytes()), "hunter2");
  EXPECT_EQ(error_of(secrets_, k_other_store, "credentials", sealed), ErrorKind::corrupt);
  EXPECT_EQ(error_of(secrets_, k_store, "session", sealed), ErrorKind::corrupt);
  EXPECT_EQ(error_of({mf1::Keyring(PoolId{std::byte{8}}, 1, root(1)), random_}, k_store, "credentials", sealed),
            ErrorKind::corrupt);
  EXPECT_EQ(error_of({mf1::Keyring(PoolId{std::byte{9}}, 1, root(2)), random_}, k_store, "credentials", sealed),
            ErrorKind::corrupt);
  EXPECT_EQ(error_of({mf1::Keyring(PoolId{std::byte{9}}, 2, root(1)), random_}, k_store, "credentials", sealed),
            ErrorKind::denied);
}

TEST_F(StoreSecretsTest, AnyDamageIsSeen) {
  const Bytes sealed = secrets_.seal(k_store, "session", as_bytes("hunter2"));
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    Bytes damaged = sealed;
    damaged[at] ^= std::byte{1};
    EXPECT_NE(error_of(secrets_, k_store, "session", damaged), ErrorKind::internal) << at;
    EXPECT_EQ(error_of(secrets_, k_store, "session", ByteSpan(sealed).first(at)), ErrorKind::corrupt) << at;
  }
}

TEST_F(StoreSecretsTest, EqualSecretsLookDifferent) {
  EXPECT_NE(secrets_.seal(k_store, "session", as_bytes("hunter2")),
            secrets_.seal(k_store, "session", as_bytes("hunter2")));
}

TEST_F(StoreSecretsTest, AnOlderEpochStillOpens) {
  const Bytes sealed = secrets_.seal(k_store, "session", as_bytes("hunter2"));
  mf1::Keyring newer = keys_;
  newer.add_root(2, root(2));
  EXPECT_EQ(as_text(StoreSecrets(newer, random_).open(k_store, "session", sealed).bytes()), "hunter2");
}

TEST_F(StoreSecretsTest, SettingsComeBackAndAreNotReadableInTheRegistry) {
  store::StoreSettings settings{"http://127.0.0.1:1/", "http://127.0.0.1:2/token", {}};
  settings.credentials.set("email", "me@example.com");
  settings.credentials.set("password", "hunter2");
  save_settings(*registry_, secrets_, k_store, settings, "10M");
  const auto row = registry_->store_settings(k_store);
  ASSERT_TRUE(row);
  EXPECT_EQ(as_text(row->credentials).find("hunter2"), std::string_view::npos);
  EXPECT_EQ(row->bandwidth, "10M");

  const auto back = load_settings(*registry_, secrets_, k_store);
  EXPECT_EQ(back.api_url, settings.api_url);
  EXPECT_EQ(back.token_url, settings.token_url);
  EXPECT_EQ(back.credentials.to_json(), settings.credentials.to_json());
  EXPECT_TRUE(load_settings(*registry_, secrets_, k_other_store).credentials.empty());

  settings.credentials = {};
  save_settings(*registry_, secrets_, k_store, settings, std::nullopt);
  EXPECT_EQ(registry_->store_settings(k_store)->bandwidth, "10M");
  EXPECT_TRUE(registry_->store_settings(k_store)->credentials.empty());
}

TEST_F(StoreSecretsTest, TheFileOfAuthoritiesIsKeptAndIsNoCredential) {
  store::StoreSettings settings;
  settings.ca_file = "/etc/ours.pem";
  save_settings(*registry_, secrets_, k_store, settings, std::nullopt);
  EXPECT_EQ(load_settings(*registry_, secrets_, k_store).ca_file, "/etc/ours.pem");
  EXPECT_TRUE(load_settings(*registry_, secrets_, k_store).credentials.empty());
  settings.credentials.set("user", "me");
  save_settings(*registry_, secrets_, k_store, settings, std::nullopt);
  const auto back = load_settings(*registry_, secrets_, k_store);
  EXPECT_EQ(back.ca_file, "/etc/ours.pem");
  EXPECT_EQ(back.credentials.to_json(), settings.credentials.to_json());
  settings.ca_file.clear();
  save_settings(*registry_, secrets_, k_store, settings, std::nullopt);
  EXPECT_EQ(load_settings(*registry_, secrets_, k_store).ca_file, "");
}

TEST_F(StoreSecretsTest, VaultKeepsReplacesAndForgets) {
  RegistryVault vault(*registry_, secrets_, k_store);
  EXPECT_FALSE(vault.load());
  vault.save(as_bytes("one"));
  vault.save(as_bytes("two"));
  EXPECT_EQ(as_text(vault.load().value().bytes()), "two");
  EXPECT_FALSE(RegistryVault(*registry_, secrets_, k_other_store).load());
  vault.save({});
  EXPECT_FALSE(vault.load());
  EXPECT_FALSE(registry_->store_session(k_store));
}

TEST_F(StoreSecretsTest, VaultForgetsASessionThatDoesNotOpen) {
  registry_->set_store_session(k_store, as_bytes("what somebody else wrote there"));
  EXPECT_FALSE(RegistryVault(*registry_, secrets_, k_store).load());
}

}  // namespace
}  // namespace modelfloat::engine
