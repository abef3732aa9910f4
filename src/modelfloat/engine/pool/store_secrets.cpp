#include "modelfloat/engine/pool/store_secrets.h"

#include <array>
#include <string>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::engine {
namespace {

constexpr std::byte k_version{1};
constexpr std::size_t k_head_bytes = 1 + sizeof(std::uint32_t) + crypto::k_xchacha_nonce_bytes;
constexpr std::string_view k_label = "modelfloat/registry/store-secret/1";
constexpr std::string_view k_damaged =
    "does not open: the registry is damaged there, or it was written for another store";
constexpr std::string_view k_credentials = "credentials";
constexpr std::string_view k_session = "session";
constexpr std::string_view k_ca_file = "ca_file";  // not a credential, but stored with them

Bytes associated_data(const PoolId& pool, const StoreId& store, std::string_view field) {
  Bytes data = to_bytes(k_label);
  append(data, pool);
  append(data, store);
  append(data, as_bytes(field));
  return data;
}

crypto::SecretKey key_for(const mf1::RootKey& root, const StoreId& store) {
  return crypto::hkdf_sha256_key(root.key(mf1::KeyUse::local).bytes(), store, as_bytes(k_label));
}

std::string place(const StoreId& store, std::string_view field) {
  return std::string(field) + " of store " + to_hex(store);
}

}  // namespace

Bytes StoreSecrets::seal(const StoreId& store, std::string_view field, ByteSpan secret) const {
  const std::uint32_t epoch = keys_.current_epoch();
  const auto nonce = random_.array<crypto::k_xchacha_nonce_bytes>();
  Bytes sealed{k_version};
  sealed.resize(1 + sizeof epoch);
  store_le<std::uint32_t>(MutableByteSpan(sealed).subspan(1), epoch);
  append(sealed, nonce);
  append(sealed, crypto::xchacha_seal(key_for(keys_.roots(epoch).front(), store), nonce,
                                      associated_data(keys_.pool_id(), store, field), secret));
  return sealed;
}

crypto::SecretBytes StoreSecrets::open(const StoreId& store, std::string_view field, ByteSpan sealed) const {
  if (sealed.size() < k_head_bytes || sealed.front() != k_version) {
    throw Error(ErrorKind::corrupt, place(store, field), k_damaged);
  }
  const auto epoch = load_le<std::uint32_t>(sealed.subspan(1, sizeof(std::uint32_t)));
  const auto nonce = sealed.subspan(1 + sizeof epoch).first<crypto::k_xchacha_nonce_bytes>();
  const Bytes data = associated_data(keys_.pool_id(), store, field);
  for (const mf1::RootKey& root : keys_.roots(epoch)) {
    if (auto secret = crypto::xchacha_open(key_for(root, store), nonce, data, sealed.subspan(k_head_bytes)))
      return *std::move(secret);
  }
  throw Error(ErrorKind::corrupt, place(store, field), k_damaged);
}

store::StoreSettings load_settings(registry::StoreRecords& registry, const StoreSecrets& secrets,
                                   const StoreId& store) {
  const auto row = registry.store_settings(store);
  if (!row) return {};
  store::StoreSettings settings{row->api_url, row->token_url, {}};
  if (!row->credentials.empty()) {
    settings.credentials = store::Credentials::parse(secrets.open(store, k_credentials, row->credentials).bytes(),
                                                     place(store, k_credentials));
    settings.ca_file = settings.credentials.extract(k_ca_file);
  }
  return settings;
}

void save_settings(registry::StoreRecords& registry, const StoreSecrets& secrets, const StoreId& store,
                   const store::StoreSettings& settings, std::optional<std::string> bandwidth) {
  registry.transaction([&] {
    registry::StoreSettingsRow row{store, settings.api_url, settings.token_url, {}, {}};
    const auto before = registry.store_settings(store);
    if (bandwidth) {
      row.bandwidth = *std::move(bandwidth);
    } else if (before) {
      row.bandwidth = before->bandwidth;
    }
    store::Credentials kept = settings.credentials;
    if (!settings.ca_file.empty()) kept.set(k_ca_file, settings.ca_file);
    if (!kept.empty()) row.credentials = secrets.seal(store, k_credentials, kept.to_json().bytes());
    registry.put_store_settings(row);
  });
}

std::optional<crypto::SecretBytes> RegistryVault::load() {
  const auto sealed = registry_.store_session(store_);
  if (!sealed) return std::nullopt;
  try {
    return secrets_.open(store_, k_session, *sealed);
  } catch (const Error& error) {
    log_warning(std::string(error.what()) + "; it logs in again");
    return std::nullopt;
  }
}

void RegistryVault::save(ByteSpan session) {
  registry_.set_store_session(store_, session.empty() ? Bytes() : secrets_.seal(store_, k_session, session));
}

}  // namespace modelfloat::engine
