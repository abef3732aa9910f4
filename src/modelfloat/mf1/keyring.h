#pragma once
// The pool's keys: random root keys, one or more for each epoch, and what is derived from them
// (format document, section 5).

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <optional>

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

// One root key of a pool, and the keys that are derived from it.
class RootKey {
 public:
  RootKey(const PoolId& pool, const crypto::SecretKey& root);

  const crypto::SecretKey& root() const noexcept { return root_; }
  const crypto::SecretKey& key(KeyUse use) const { return keys_.at(static_cast<std::size_t>(use)); }

 private:
  crypto::SecretKey root_;
  std::array<crypto::SecretKey, k_key_uses> keys_;  // by KeyUse
};
// In locked memory.
using RootKeys = std::list<RootKey, crypto::LockedAllocator<RootKey>>;

// The root keys that are known, by the number of their epoch. One number may have several roots:
// two machines that begin an epoch at the same time give it the same number. New things are made
// with the preferred root of the largest number. What is there already is opened with whichever
// root it fits: see roots().
//
// The sub-keys are derived once. Copyable; const calls may be made from many threads. All copies
// wipe themselves. References that are returned are good for as long as the keyring lives.
class Keyring {
 public:
  Keyring(const PoolId& pool, std::uint32_t epoch, const crypto::SecretKey& root);

  // Adds a root key of this or another epoch. Returns false when the keyring has it already. The
  // first root of a number is the preferred one. Error{invalid} for epoch 0.
  bool add_root(std::uint32_t epoch, const crypto::SecretKey& root);
  // Makes this root the one of its number that new things are made with. Error{denied} when the
  // keyring does not have it.
  void prefer(std::uint32_t epoch, const crypto::SecretKey& root);

  const PoolId& pool_id() const noexcept { return pool_; }
  PoolTag pool_tag() const noexcept { return pool_tag_of(pool_); }
  // The largest number: new things are sealed under it.
  std::uint32_t current_epoch() const noexcept { return epochs_.rbegin()->first; }
  bool has_epoch(std::uint32_t epoch) const noexcept { return epochs_.count(epoch) != 0; }
  // The largest number below this one that there is a root of; nullopt when there is none.
  std::optional<std::uint32_t> epoch_before(std::uint32_t epoch) const noexcept;
  // How many roots there are of all numbers together. More can be read when it has grown.
  std::size_t root_count() const noexcept;

  // For opening: all roots of a number, the preferred one first; never empty. Error{denied} for an
  // epoch of which no root is here.
  const RootKeys& roots(std::uint32_t epoch) const;

  // For writing: the preferred root of a number, and its sub-keys. Error{denied} as for roots().
  const crypto::SecretKey& root(std::uint32_t epoch) const { return roots(epoch).front().root(); }
  const crypto::SecretKey& key(std::uint32_t epoch, KeyUse use) const { return roots(epoch).front().key(use); }

  // BLAKE3 of a fragment's plain bytes, keyed by the preferred root of the epoch that its pack is
  // sealed under. Error{denied} as for roots().
  FragmentId fragment_id(std::uint32_t epoch, ByteSpan plain) const;
  // Whether any root of this epoch makes this id of the plain bytes. Error{denied} as for roots().
  bool proves(std::uint32_t epoch, const FragmentId& id, ByteSpan plain) const;

 private:
  using Epochs = std::map<std::uint32_t, RootKeys>;

  PoolId pool_;
  Epochs epochs_;  // never empty, nor is a list in it
};

// Makes the log change that begins `epoch`: it has every root of a smaller number that the keyring
// has, each encrypted under a key of the preferred root of `epoch`. Error{denied} when the keyring
// has no root of `epoch`, or of none below.
EpochBegun begin_epoch(const Keyring&, std::uint32_t epoch, Random&);

// Adds the older roots that the change holds and that some root of number change.epoch opens.
// Returns whether one of them was new. What does not open is passed over: it is damaged, or was
// wrapped under a root that is not here.
bool add_older_roots(Keyring&, const EpochBegun& change);

// The root that began this epoch: the one that opens what the change holds. It points into the
// keyring. nullptr when it is not here.
const RootKey* root_that_began(const Keyring&, const EpochBegun& change);

}  // namespace modelfloat::mf1
