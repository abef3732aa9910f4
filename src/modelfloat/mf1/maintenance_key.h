#pragma once
// The maintenance key: it opens the structure of manifests, and nothing else of a pool
// (docs/formats/maintenance-key.md).

#include <cstdint>
#include <list>
#include <map>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/mf1/keyring.h"

namespace modelfloat::mf1 {

// The structure keys of a pool, by epoch. Like a keyring, one number may have several keys.
// Copyable; const calls may be made from many threads. All copies wipe themselves.
class MaintenanceKey {
 public:
  // In locked memory.
  using Keys = std::list<crypto::SecretKey, crypto::LockedAllocator<crypto::SecretKey>>;

  // That of the pool's keyring, with the key of every root that is there. Error{unsupported} when
  // there are more than k_most_keys.
  explicit MaintenanceKey(const Keyring& keyring);
  // Reads the text of a maintenance key file. Error{unsupported} for another version,
  // Error{invalid} for a text that is no such file, is damaged or was cut off.
  static MaintenanceKey parse(std::string_view text);

  // The text of a maintenance key file, which parse() reads.
  crypto::SecretBytes text() const;

  const PoolId& pool_id() const noexcept { return pool_; }
  PoolTag pool_tag() const noexcept { return pool_tag_of(pool_); }
  std::uint32_t newest_epoch() const noexcept { return keys_.rbegin()->first; }
  std::size_t key_count() const noexcept;
  // All keys of a number; never empty. Error{denied} for an epoch of which no key is here.
  const Keys& keys(std::uint32_t epoch) const;

  static constexpr std::size_t k_most_keys = 512;

 private:
  explicit MaintenanceKey(const PoolId& pool) : pool_(pool) {}
  bool add(std::uint32_t epoch, const crypto::SecretKey& key);

  PoolId pool_{};
  std::map<std::uint32_t, Keys> keys_;  // not empty once it was made
};

// The first line of such files begins with this; the version follows.
inline constexpr std::string_view k_maintenance_key_mark = "modelfloat-maintenance-key-";

// Opens a structure document and returns its CBOR, as open_document() does with the pool's keyring.
Bytes open_structure(ByteSpan object, const MaintenanceKey& key);

}  // namespace modelfloat::mf1
