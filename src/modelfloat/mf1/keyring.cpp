#include "modelfloat/mf1/keyring.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

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

std::string where_of(std::uint32_t epoch) { return "key epoch " + std::to_string(epoch); }

using WrapAad = std::array<std::byte, sizeof(PoolId) + 2 * sizeof(std::uint32_t)>;

// What binds a wrapped root key to its place.
WrapAad wrap_aad(const PoolId& pool, std::uint32_t epoch, std::uint32_t older) {
  WrapAad aad;
  FieldWriter(aad).bytes(pool).number(epoch).number(older);
  return aad;
}

std::optional<crypto::SecretKey> unwrap(const PoolId& pool, const RootKey& newer, std::uint32_t epoch,
                                        const WrappedRoot& wrapped) {
  const auto opened = crypto::xchacha_open(newer.key(KeyUse::older_epochs), wrapped.nonce,
                                           wrap_aad(pool, epoch, wrapped.epoch), wrapped.sealed);
  if (!opened) return std::nullopt;
  return crypto::SecretKey(opened->bytes().first<crypto::SecretKey::k_bytes>());
}

// A root of this number can hold that one.
bool is_older(const WrappedRoot& wrapped, std::uint32_t epoch) noexcept {
  return wrapped.epoch > 0 && wrapped.epoch < epoch;
}

RootKeys::iterator find_root(RootKeys& roots, const crypto::SecretKey& root) {
  return std::find_if(roots.begin(), roots.end(), [&](const RootKey& one) { return one.root() == root; });
}

}  // namespace

KeyUse key_use_of(ObjectType type) {
  switch (type) {
    case ObjectType::shard: return KeyUse::sealing;
    case ObjectType::structure: return KeyUse::structure;
    case ObjectType::content: return KeyUse::content;
    case ObjectType::log:
    case ObjectType::checkpoint:
    case ObjectType::part: return KeyUse::log;
    case ObjectType::slot:
    case ObjectType::marker: break;
  }
  throw Error(ErrorKind::internal, std::string(to_string(type)), "objects of this type are not sealed");
}

RootKey::RootKey(const PoolId& pool, const crypto::SecretKey& root)
    : root_(root), keys_{derive(pool, root, KeyUse::fragment_id), derive(pool, root, KeyUse::sealing),
                         derive(pool, root, KeyUse::structure),   derive(pool, root, KeyUse::content),
                         derive(pool, root, KeyUse::log),         derive(pool, root, KeyUse::older_epochs),
                         derive(pool, root, KeyUse::local)} {}

Keyring::Keyring(const PoolId& pool, std::uint32_t epoch, const crypto::SecretKey& root) : pool_(pool) {
  add_root(epoch, root);
}

bool Keyring::add_root(std::uint32_t epoch, const crypto::SecretKey& root) {
  if (epoch == 0) throw Error(ErrorKind::invalid, where_of(epoch), "epochs are counted from 1");
  const auto known = epochs_.find(epoch);
  if (known == epochs_.end()) {
    RootKeys first;
    first.emplace_back(pool_, root);
    epochs_.emplace(epoch, std::move(first));
    return true;
  }
  RootKeys& roots = known->second;
  if (find_root(roots, root) != roots.end()) return false;
  roots.emplace_back(pool_, root);
  return true;
}

void Keyring::prefer(std::uint32_t epoch, const crypto::SecretKey& root) {
  const auto known = epochs_.find(epoch);
  if (known != epochs_.end()) {
    RootKeys& roots = known->second;
    const auto found = find_root(roots, root);
    if (found != roots.end()) return roots.splice(roots.begin(), roots, found);
  }
  throw Error(ErrorKind::denied, where_of(epoch), "the root key that is to be preferred is not here");
}

std::optional<std::uint32_t> Keyring::epoch_before(std::uint32_t epoch) const noexcept {
  const auto next = epochs_.lower_bound(epoch);
  if (next == epochs_.begin()) return std::nullopt;
  return std::prev(next)->first;
}

std::size_t Keyring::root_count() const noexcept {
  std::size_t sum = 0;
  for (const auto& [epoch, roots] : epochs_) sum += roots.size();
  return sum;
}

const RootKeys& Keyring::roots(std::uint32_t epoch) const {
  const auto found = epochs_.find(epoch);
  if (found == epochs_.end()) throw Error(ErrorKind::denied, where_of(epoch), "its key is not here");
  return found->second;
}

FragmentId Keyring::fragment_id(std::uint32_t epoch, ByteSpan plain) const {
  return crypto::blake3_keyed(key(epoch, KeyUse::fragment_id), plain);
}

bool Keyring::proves(std::uint32_t epoch, const FragmentId& id, ByteSpan plain) const {
  const RootKeys& all = roots(epoch);
  return std::any_of(all.begin(), all.end(), [&](const RootKey& one) {
    return crypto::blake3_keyed(one.key(KeyUse::fragment_id), plain) == id;
  });
}

EpochBegun begin_epoch(const Keyring& keyring, std::uint32_t epoch, Random& random) {
  if (!keyring.epoch_before(epoch))
    throw Error(ErrorKind::denied, where_of(epoch), "no root key of an epoch before is here");
  const auto& key = keyring.key(epoch, KeyUse::older_epochs);
  EpochBegun change;
  change.epoch = epoch;
  for (auto older = keyring.epoch_before(epoch); older; older = keyring.epoch_before(*older)) {
    for (const RootKey& root : keyring.roots(*older)) {
      WrappedRoot& wrapped = change.wrapped.emplace_back();
      wrapped.epoch = *older;
      random.fill(wrapped.nonce);
      const Bytes sealed =
          crypto::xchacha_seal(key, wrapped.nonce, wrap_aad(keyring.pool_id(), epoch, *older), root.root().bytes());
      std::copy(sealed.begin(), sealed.end(), wrapped.sealed.begin());
    }
  }
  return change;
}

bool add_older_roots(Keyring& keyring, const EpochBegun& change) {
  if (!keyring.has_epoch(change.epoch)) return false;
  bool added = false;
  for (const WrappedRoot& wrapped : change.wrapped) {
    if (!is_older(wrapped, change.epoch)) continue;
    for (const RootKey& newer : keyring.roots(change.epoch)) {
      const auto root = unwrap(keyring.pool_id(), newer, change.epoch, wrapped);
      if (!root) continue;
      added = keyring.add_root(wrapped.epoch, *root) || added;
      break;
    }
  }
  return added;
}

const RootKey* root_that_began(const Keyring& keyring, const EpochBegun& change) {
  if (!keyring.has_epoch(change.epoch)) return nullptr;
  for (const RootKey& root : keyring.roots(change.epoch)) {
    const bool opens = std::any_of(change.wrapped.begin(), change.wrapped.end(), [&](const WrappedRoot& wrapped) {
      return unwrap(keyring.pool_id(), root, change.epoch, wrapped).has_value();
    });
    if (opens) return &root;
  }
  return nullptr;
}

}  // namespace modelfloat::mf1
