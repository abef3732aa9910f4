#include "modelfloat/mf1/keyring.h"

#include <string>
#include <string_view>

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::mf1 {
namespace {

// By KeyUse.
constexpr std::array<std::string_view, k_key_uses> k_labels = {"fragment-id", "sealing",      "structure", "content",
                                                               "log",         "older-epochs", "local"};

crypto::SecretKey derive(const PoolId& pool, const crypto::SecretKey& root, KeyUse use) {
  const std::string info = "modelfloat/mf1/key/" + std::string(k_labels[static_cast<std::size_t>(use)]);
  return crypto::hkdf_sha256_key(root.bytes(), pool, as_bytes(info));
}

// What binds a wrapped older root key to its place.
std::array<std::byte, 20> epoch_aad(const PoolId& pool, std::uint32_t epoch) {
  std::array<std::byte, 20> aad;
  FieldWriter(aad).bytes(pool).number(epoch);
  return aad;
}

}  // namespace

KeyUse key_use_of(ObjectType type) {
  switch (type) {
    case ObjectType::shard: return KeyUse::sealing;
    case ObjectType::structure: return KeyUse::structure;
    case ObjectType::content: return KeyUse::content;
    case ObjectType::log:
    case ObjectType::checkpoint: return KeyUse::log;
    case ObjectType::slot:
    case ObjectType::marker: break;
  }
  throw Error(ErrorKind::internal, std::string(to_string(type)), "objects of this type are not sealed");
}

Keyring::Keyring(const PoolId& pool, std::uint32_t epoch, const crypto::SecretKey& root) : pool_(pool) {
  add_epoch(epoch, root);
}

void Keyring::add_epoch(std::uint32_t number, const crypto::SecretKey& root) {
  const std::string where = "key epoch " + std::to_string(number);
  if (number == 0) throw Error(ErrorKind::invalid, where, "epochs are counted from 1");
  const auto known = epochs_.find(number);
  if (known != epochs_.end()) {
    if (known->second.root == root) return;
    throw Error(ErrorKind::invalid, where, "has another root key already");
  }
  const auto sub_key = [&](KeyUse use) { return derive(pool_, root, use); };
  epochs_.emplace(number, Epoch{root,
                                {sub_key(KeyUse::fragment_id), sub_key(KeyUse::sealing), sub_key(KeyUse::structure),
                                 sub_key(KeyUse::content), sub_key(KeyUse::log), sub_key(KeyUse::older_epochs),
                                 sub_key(KeyUse::local)}});
}

const Keyring::Epoch& Keyring::epoch(std::uint32_t number) const {
  const auto found = epochs_.find(number);
  if (found == epochs_.end()) {
    throw Error(ErrorKind::denied, "key epoch " + std::to_string(number), "its key is not here");
  }
  return found->second;
}

const crypto::SecretKey& Keyring::root(std::uint32_t number) const { return epoch(number).root; }

const crypto::SecretKey& Keyring::key(std::uint32_t number, KeyUse use) const {
  return epoch(number).keys.at(static_cast<std::size_t>(use));
}

FragmentId Keyring::fragment_id(std::uint32_t number, ByteSpan plain) const {
  return crypto::blake3_keyed(key(number, KeyUse::fragment_id), plain);
}

EpochBegun begin_epoch(const Keyring& keyring, std::uint32_t epoch, Random& random) {
  EpochBegun change;
  change.epoch = epoch;
  random.fill(change.nonce);
  const auto& key = keyring.key(epoch, KeyUse::older_epochs);
  const auto& older = keyring.root(epoch - 1);
  const Bytes sealed = crypto::xchacha_seal(key, change.nonce, epoch_aad(keyring.pool_id(), epoch), older.bytes());
  std::copy(sealed.begin(), sealed.end(), change.wrapped.begin());
  return change;
}

crypto::SecretKey open_older_epoch(const Keyring& keyring, const EpochBegun& change) {
  const std::string where = "key epoch " + std::to_string(change.epoch);
  if (change.epoch < 2) throw Error(ErrorKind::corrupt, where, "there is no epoch before");
  const auto& key = keyring.key(change.epoch, KeyUse::older_epochs);
  const auto opened =
      crypto::xchacha_open(key, change.nonce, epoch_aad(keyring.pool_id(), change.epoch), change.wrapped);
  if (!opened) throw Error(ErrorKind::corrupt, where, "the wrapped key of the epoch before does not open");
  return crypto::SecretKey(opened->bytes().first<crypto::SecretKey::k_bytes>());
}

}  // namespace modelfloat::mf1
