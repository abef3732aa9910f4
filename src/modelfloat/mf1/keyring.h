#pragma once
// The pool's keys: a random root key for each epoch, and what is derived from it.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/random.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/domain/log_record.h"
#include "modelfloat/mf1/format.h"

namespace modelfloat::mf1 {

enum class KeyUse : std::uint8_t { fragment_id, sealing, structure, content, log, older_epochs, local };
inline constexpr std::size_t k_key_uses = 7;

// The key that objects of this type are sealed under. Error{internal} for slots and markers,
// which are not sealed under a key of the keyring.
KeyUse key_use_of(ObjectType);

// Root keys by epoch with their sub-keys, derived once, in locked memory. Copyable; const calls may
// be made from many threads. All copies wipe themselves.
class Keyring {
 public:
  Keyring(const PoolId& pool, std::uint32_t epoch, const crypto::SecretKey& root);

  // Adds an older or a newer epoch. Adding the same key twice is fine. Error{invalid} for another
  // key of a known epoch, and for epoch 0.
  void add_epoch(std::uint32_t epoch, const crypto::SecretKey& root);

  const PoolId& pool_id() const noexcept { return pool_; }
  PoolTag pool_tag() const noexcept { return pool_tag_of(pool_); }
  // The newest epoch: new things are sealed under it.
  std::uint32_t current_epoch() const noexcept { return epochs_.rbegin()->first; }
  bool has_epoch(std::uint32_t epoch) const noexcept { return epochs_.count(epoch) != 0; }

  // Error{denied} for an epoch whose key is not here.
  const crypto::SecretKey& root(std::uint32_t epoch) const;
  const crypto::SecretKey& key(std::uint32_t epoch, KeyUse use) const;

  // BLAKE3 of a fragment's plain bytes, keyed by the epoch that its pack is sealed under.
  FragmentId fragment_id(std::uint32_t epoch, ByteSpan plain) const;

 private:
  struct Epoch {
    crypto::SecretKey root;
    std::array<crypto::SecretKey, k_key_uses> keys;  // by KeyUse
  };
  const Epoch& epoch(std::uint32_t number) const;

  PoolId pool_;
  // Never empty. The keys are inside its nodes.
  std::map<std::uint32_t, Epoch, std::less<>, crypto::LockedAllocator<std::pair<const std::uint32_t, Epoch>>> epochs_;
};

// Makes the log change that begins `epoch`. It holds the root key of the previous epoch,
// encrypted under a key of the new one. Both epochs must be in the keyring.
EpochBegun begin_epoch(const Keyring&, std::uint32_t epoch, Random&);

// Decrypts the root key of the epoch before change.epoch. Error{denied} when the keyring lacks
// change.epoch, Error{corrupt} when the wrapped key does not open.
crypto::SecretKey open_older_epoch(const Keyring&, const EpochBegun& change);

}  // namespace modelfloat::mf1
