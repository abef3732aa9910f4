#pragma once
// Key slots: the root key of an epoch, wrapped for one secret that a person keeps (format document,
// section 6).

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/random.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/mf1/keyring.h"

namespace modelfloat::mf1 {

enum class SecretKind : std::uint8_t { recovery_code = 1, passphrase = 2, key_file = 3 };
using SlotId = std::array<std::byte, 16>;

// 32 random bytes that are written down on paper.
class RecoveryCode {
 public:
  static RecoveryCode random(Random& random) { return RecoveryCode(crypto::SecretKey::random(random)); }
  explicit RecoveryCode(const crypto::SecretKey& key) : key_(key) {}
  // Ignores case, '-' and white space. Error{denied} when it is not a recovery code or its check
  // digits show a typing error.
  static RecoveryCode parse(std::string_view text);

  // Eight groups of seven characters, joined by '-'.
  std::string text() const;
  const crypto::SecretKey& key() const noexcept { return key_; }

 private:
  crypto::SecretKey key_;
};

// The text of a key file: one line. Error{invalid} when it is none.
std::string key_file_text(const crypto::SecretKey& key);
crypto::SecretKey parse_key_file(std::string_view text);

// A secret of any kind.
class SlotSecret {
 public:
  static SlotSecret recovery_code(const RecoveryCode& code);
  // Drops one trailing line end ("\n" or "\r\n"), as comes from a file or a pipe. Error{invalid}
  // when nothing is left.
  static SlotSecret passphrase(const crypto::SecretBytes& passphrase);
  static SlotSecret key_file(const crypto::SecretKey& key);

  SecretKind kind() const noexcept { return kind_; }
  ByteSpan bytes() const noexcept { return bytes_.bytes(); }

 private:
  SlotSecret(SecretKind kind, ByteSpan bytes) : kind_(kind), bytes_(bytes) {}
  SecretKind kind_;
  crypto::SecretBytes bytes_;
};

// What opening a passphrase slot costs.
struct PassphraseCost {
  std::uint32_t memory_kib = 256 * 1024;
  std::uint32_t passes = 3;
};

inline constexpr std::size_t k_slot_bytes = 204;

// The clear part of a slot.
struct Slot {
  SecretKind kind = SecretKind::recovery_code;
  std::uint32_t epoch = 1;
  PassphraseCost cost{0, 0};  // zeros unless kind is passphrase
  PoolId pool{};
  SlotId id{};
  Hash256 salt{};
  Hash256 commitment{};
  std::array<std::byte, 24> nonce{};
  std::array<std::byte, 48> wrapped{};
};

// A slot for the root key of `epoch`, which the keyring must have. For a passphrase this takes half
// a second and 256 MiB.
Bytes make_slot(const SlotSecret& secret, const Keyring& keyring, std::uint32_t epoch, Random& random,
                PassphraseCost cost = {});

// Error{corrupt} when damaged, Error{unsupported} when of a newer format or kind.
Slot parse_slot(ByteSpan object);

// The pool's keyring with the epoch of this slot. Error{denied} when the secret is another one or
// of another kind; Error{unsupported}, before any memory or time is spent, when the slot asks for
// more than 1 GiB or 10 passes; Error{corrupt} when damaged.
Keyring open_slot(ByteSpan object, const SlotSecret& secret);

}  // namespace modelfloat::mf1
