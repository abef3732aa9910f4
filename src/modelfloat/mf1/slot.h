#pragma once
// Key slots: a root key of an epoch, wrapped for one secret that a person keeps (format document,
// section 6). A slot is sealed to a public key that is derived from the secret. So a new root key
// can be wrapped for secrets that are not at hand.
//
// All functions may be called from any thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/random.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/crypto/x25519.h"
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
  bool operator==(const PassphraseCost&) const = default;
};

inline constexpr std::size_t k_slot_bytes = 236;  // of the only cipher that this version knows

// The clear part of a slot.
struct Slot {
  SecretKind kind = SecretKind::recovery_code;
  std::uint32_t epoch = 1;
  PassphraseCost cost{0, 0};  // zeros unless kind is passphrase
  PoolId pool{};
  SlotId id{};     // the same in all slots of one secret
  Hash256 salt{};  // likewise
  Hash256 commitment{};
  std::array<std::byte, 24> nonce{};
  crypto::PublicKey ephemeral{};  // of a key pair that was made for this slot alone
  std::array<std::byte, 48> wrapped{};
};

struct MadeSlot {
  Bytes object;  // k_slot_bytes
  SlotId id{};
  // Belongs to the secret: further slots for it can be made with this key. It stands in the log
  // (SlotAdded), never in clear on a store.
  crypto::PublicKey public_key{};
};

// Makes the first slot of a secret that is at hand, with a new id and salt, for the preferred root
// key of `epoch`. Error{denied} when the keyring has none. For a passphrase this takes half a
// second and 256 MiB; Error{unsupported} or Error{invalid} for a cost that no slot may have.
MadeSlot make_slot(const SlotSecret& secret, const Keyring& keyring, std::uint32_t epoch, Random& random,
                   PassphraseCost cost = {});

// Makes a further slot for a secret that is not at hand, for the preferred root key of `epoch`.
// `public_key` belongs to the secret; `earlier` is a slot that the secret has, whose kind, cost, id
// and salt are taken. Takes no longer for a passphrase than for others. Error{denied} when the
// keyring has no such root, Error{invalid} when `earlier` is of another pool, or when `public_key`
// is one that everybody could open.
Bytes make_slot_for(const crypto::PublicKey& public_key, const Slot& earlier, const Keyring& keyring,
                    std::uint32_t epoch, Random& random);

// Error{unsupported} for another format, another cipher (whatever the length) or another kind of
// secret: pass over such a slot. Error{corrupt} when damaged.
Slot parse_slot(ByteSpan object);

// Opens slots with one secret. All slots of a secret have one salt, so what a passphrase costs is
// paid once for all of them.
//
// To be used by one thread at a time.
class SlotOpener {
 public:
  explicit SlotOpener(SlotSecret secret) : secret_(std::move(secret)) {}

  // Returns a keyring with the one root of this slot. Fails as parse_slot() does, and with
  // Error{denied} when the secret is another one or of another kind; Error{unsupported}, before any
  // memory or time is spent, when the slot asks for more than 1 GiB or 10 passes; Error{corrupt}
  // when the slot was made to be opened by everybody, or its wrapped key does not open.
  Keyring open(ByteSpan object);

 private:
  const crypto::SecretKey& private_key(const Slot& slot);

  struct Derived {
    Hash256 salt{};
    PassphraseCost cost;
    crypto::SecretKey key;
  };
  SlotSecret secret_;
  std::optional<Derived> last_;
};

// Opens a single slot, as SlotOpener::open() does.
inline Keyring open_slot(ByteSpan object, const SlotSecret& secret) { return SlotOpener(secret).open(object); }

}  // namespace modelfloat::mf1
