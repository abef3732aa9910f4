#include "modelfloat/mf1/slot.h"

#include <algorithm>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::size_t k_slot_checksum_at = 220;
constexpr std::size_t k_aad_bytes = 172;  // all before the wrapped key
constexpr std::size_t k_kind_at = 7;      // all slots, of whatever cipher, have the bytes before it
constexpr std::uint8_t k_wrap_cipher = 2;
constexpr std::size_t k_code_check_bytes = 3;
constexpr std::size_t k_code_group = 7;
constexpr std::string_view k_key_file_mark = "modelfloat-key-1 ";

Error slot_refused(ErrorKind kind, std::string_view what) { return {kind, "key slot", what}; }

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::array<std::byte, k_code_check_bytes> code_check(const crypto::SecretKey& key) {
  crypto::Sha256 hash;
  hash.update(as_bytes("modelfloat/mf1/recovery-code"));
  hash.update(key.bytes());
  const Hash256 sum = hash.finish();
  std::array<std::byte, k_code_check_bytes> check;
  std::copy_n(sum.begin(), check.size(), check.begin());
  return check;
}

struct WrapKey {
  crypto::SecretKey key;
  Hash256 commitment;
};

crypto::SecretKey private_key_of(const SlotSecret& secret, const Hash256& salt, PassphraseCost cost) {
  std::string info = "modelfloat/mf1/slot-key";
  info.push_back(static_cast<char>(secret.kind()));
  if (secret.kind() != SecretKind::passphrase) return crypto::hkdf_sha256_key(secret.bytes(), salt, as_bytes(info));
  const auto stretched =
      crypto::argon2id(crypto::SecretBytes(secret.bytes()), std::span(salt).first<16>(), cost.memory_kib, cost.passes);
  return crypto::hkdf_sha256_key(stretched.bytes(), salt, as_bytes(info));
}

WrapKey derive_wrap_key(const crypto::SecretKey& shared, const Slot& slot, const crypto::PublicKey& public_key) {
  Bytes info = to_bytes(std::string_view("modelfloat/mf1/slot"));
  info.push_back(static_cast<std::byte>(slot.kind));
  append(info, slot.ephemeral);
  append(info, public_key);
  std::array<std::byte, 64> both;
  crypto::hkdf_sha256(shared.bytes(), slot.salt, info, both);
  WrapKey result{crypto::SecretKey(std::span(both).first<32>()), {}};
  std::copy_n(both.begin() + 32, 32, result.commitment.begin());
  crypto::wipe(both);
  return result;
}

void write_checksum(MutableByteSpan object) {
  const Hash256 sum = crypto::blake3(object.first(k_slot_checksum_at));
  std::copy_n(sum.begin(), k_slot_bytes - k_slot_checksum_at, object.begin() + k_slot_checksum_at);
}

bool checksum_fits(ByteSpan object) {
  const Hash256 sum = crypto::blake3(object.first(k_slot_checksum_at));
  return equal(ByteSpan(sum).first(k_slot_bytes - k_slot_checksum_at), object.subspan(k_slot_checksum_at));
}

// What a slot of this kind may cost, whoever opens it.
bool is_possible(SecretKind kind, PassphraseCost cost) noexcept {
  if (kind != SecretKind::passphrase) return cost.memory_kib == 0 && cost.passes == 0;
  return cost.memory_kib >= crypto::k_argon2id_min_memory_kib && cost.passes >= 1;
}

// Checked before anything is spent.
void refuse_excess(PassphraseCost cost) {
  if (cost.memory_kib > crypto::k_argon2id_max_memory_kib || cost.passes > crypto::k_argon2id_max_passes) {
    throw slot_refused(ErrorKind::unsupported, "asks for more memory or passes than a slot may");
  }
}

Bytes encode(const Slot& slot) {
  Bytes object(k_slot_bytes);
  FieldWriter(object)
      .bytes(k_magic)
      .number(k_format)
      .number(static_cast<std::uint8_t>(ObjectType::slot))
      .number(k_wrap_cipher)
      .number(static_cast<std::uint8_t>(slot.kind))
      .number(slot.epoch)
      .number(slot.cost.memory_kib)
      .number(slot.cost.passes)
      .bytes(slot.pool)
      .bytes(slot.id)
      .bytes(slot.salt)
      .bytes(slot.commitment)
      .bytes(slot.nonce)
      .bytes(slot.ephemeral)
      .bytes(slot.wrapped);
  return object;
}

// `slot` has all that the secret's slots have in common.
Bytes seal_slot(Slot slot, const crypto::PublicKey& public_key, const Keyring& keyring, Random& random) {
  const auto& root = keyring.root(slot.epoch);
  slot.pool = keyring.pool_id();
  slot.nonce = random.array<24>();
  const auto ephemeral = crypto::SecretKey::random(random);
  slot.ephemeral = crypto::x25519_public_key(ephemeral);
  const auto shared = crypto::x25519_shared(ephemeral, public_key);
  if (!shared) throw slot_refused(ErrorKind::invalid, "the public key that it is to be made for is none");
  const WrapKey wrap = derive_wrap_key(*shared, slot, public_key);
  slot.commitment = wrap.commitment;
  Bytes object = encode(slot);
  const Bytes sealed = crypto::xchacha_seal(wrap.key, slot.nonce, ByteSpan(object).first(k_aad_bytes), root.bytes());
  std::copy(sealed.begin(), sealed.end(), object.begin() + k_aad_bytes);
  write_checksum(object);
  return object;
}

}  // namespace

RecoveryCode RecoveryCode::parse(std::string_view text) {
  std::string letters;
  letters.reserve(text.size());
  std::copy_if(text.begin(), text.end(), std::back_inserter(letters), [](char c) { return c != '-' && !is_space(c); });
  auto decoded = from_base32(letters);
  crypto::wipe(std::as_writable_bytes(std::span(letters)));
  const std::size_t whole = crypto::SecretKey::k_bytes + k_code_check_bytes;
  const crypto::SecretBytes code = decoded ? crypto::SecretBytes(std::move(*decoded)) : crypto::SecretBytes();
  if (code.bytes().size() != whole) {
    throw Error(ErrorKind::denied, "recovery code", "it has 56 letters a-z and digits 2-7, and this is something else");
  }
  const crypto::SecretKey key(code.bytes().first<crypto::SecretKey::k_bytes>());
  if (!equal(code.bytes().subspan(crypto::SecretKey::k_bytes), code_check(key))) {
    throw Error(ErrorKind::denied, "recovery code", "there is a typing error in it: its check letters do not fit");
  }
  return RecoveryCode(key);
}

std::string RecoveryCode::text() const {
  Bytes code;
  code.reserve(crypto::SecretKey::k_bytes + k_code_check_bytes);
  append(code, key_.bytes());
  append(code, code_check(key_));
  std::string letters = to_base32(code);
  crypto::wipe(code);
  std::string text;
  text.reserve(letters.size() + letters.size() / k_code_group);  // growing would leave copies
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (i > 0 && i % k_code_group == 0) text.push_back('-');
    text.push_back(letters[i]);
  }
  crypto::wipe(std::as_writable_bytes(std::span(letters)));
  return text;
}

std::string key_file_text(const crypto::SecretKey& key) {
  std::string digits = to_hex(key.bytes());
  std::string text;
  text.reserve(k_key_file_mark.size() + digits.size() + 1);
  text.append(k_key_file_mark).append(digits).append("\n");
  crypto::wipe(std::as_writable_bytes(std::span(digits)));
  return text;
}

crypto::SecretKey parse_key_file(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  const auto refuse = [] { return Error(ErrorKind::invalid, "key file", "is not a key file of ModelFloat"); };
  if (!text.starts_with(k_key_file_mark)) throw refuse();
  auto key = array_from_hex<crypto::SecretKey::k_bytes>(text.substr(k_key_file_mark.size()));
  if (!key) throw refuse();
  const crypto::SecretKey result(*key);
  crypto::wipe(*key);
  return result;
}

SlotSecret SlotSecret::recovery_code(const RecoveryCode& code) {
  return {SecretKind::recovery_code, code.key().bytes()};
}

SlotSecret SlotSecret::passphrase(const crypto::SecretBytes& passphrase) {
  std::string_view text = as_text(passphrase.bytes());
  if (text.ends_with('\n')) text.remove_suffix(text.ends_with("\r\n") ? 2 : 1);
  if (text.empty()) throw Error(ErrorKind::invalid, "passphrase", "is empty");
  return {SecretKind::passphrase, as_bytes(text)};
}

SlotSecret SlotSecret::key_file(const crypto::SecretKey& key) { return {SecretKind::key_file, key.bytes()}; }

MadeSlot make_slot(const SlotSecret& secret, const Keyring& keyring, std::uint32_t epoch, Random& random,
                   PassphraseCost cost) {
  Slot slot;
  slot.kind = secret.kind();
  slot.epoch = epoch;
  if (slot.kind == SecretKind::passphrase) slot.cost = cost;
  if (!is_possible(slot.kind, slot.cost))
    throw slot_refused(ErrorKind::invalid, "a passphrase needs at least 8 KiB and one pass");
  refuse_excess(slot.cost);
  slot.id = random.array<16>();
  slot.salt = random.array<32>();
  const auto public_key = crypto::x25519_public_key(private_key_of(secret, slot.salt, slot.cost));
  return {seal_slot(slot, public_key, keyring, random), slot.id, public_key};
}

Bytes make_slot_for(const crypto::PublicKey& public_key, const Slot& earlier, const Keyring& keyring,
                    std::uint32_t epoch, Random& random) {
  if (earlier.pool != keyring.pool_id()) throw slot_refused(ErrorKind::invalid, "the earlier one is of another pool");
  Slot slot = earlier;
  slot.epoch = epoch;
  return seal_slot(slot, public_key, keyring, random);
}

Slot parse_slot(ByteSpan object) {
  if (object.size() <= k_kind_at || !equal(object.first(k_magic.size()), k_magic)) {
    throw slot_refused(ErrorKind::corrupt, "is no object of ours");
  }
  FieldReader fields(object.subspan(k_magic.size()));
  if (fields.number<std::uint8_t>() != k_format) throw slot_refused(ErrorKind::unsupported, "is of an unknown format");
  if (fields.number<std::uint8_t>() != static_cast<std::uint8_t>(ObjectType::slot)) {
    throw slot_refused(ErrorKind::corrupt, "is an object of another type");
  }
  // The length, and where the checksum is, go by the cipher.
  if (fields.number<std::uint8_t>() != k_wrap_cipher) {
    throw slot_refused(ErrorKind::unsupported, "has an unknown cipher");
  }
  if (object.size() != k_slot_bytes || !checksum_fits(object)) throw slot_refused(ErrorKind::corrupt, "is damaged");
  Slot slot;
  slot.kind = static_cast<SecretKind>(fields.number<std::uint8_t>());
  if (slot.kind < SecretKind::recovery_code || slot.kind > SecretKind::key_file) {
    throw slot_refused(ErrorKind::unsupported, "is for an unknown kind of secret");
  }
  slot.epoch = fields.number<std::uint32_t>();
  slot.cost.memory_kib = fields.number<std::uint32_t>();
  slot.cost.passes = fields.number<std::uint32_t>();
  if (slot.epoch == 0 || !is_possible(slot.kind, slot.cost)) {
    throw slot_refused(ErrorKind::corrupt, "has fields that make no sense");
  }
  slot.pool = fields.array<16>();
  slot.id = fields.array<16>();
  slot.salt = fields.array<32>();
  slot.commitment = fields.array<32>();
  slot.nonce = fields.array<24>();
  slot.ephemeral = fields.array<32>();
  slot.wrapped = fields.array<48>();
  return slot;
}

const crypto::SecretKey& SlotOpener::private_key(const Slot& slot) {
  if (!last_ || last_->salt != slot.salt || last_->cost != slot.cost)
    last_ = Derived{slot.salt, slot.cost, private_key_of(secret_, slot.salt, slot.cost)};
  return last_->key;
}

Keyring SlotOpener::open(ByteSpan object) {
  const Slot slot = parse_slot(object);
  if (slot.kind != secret_.kind()) throw slot_refused(ErrorKind::denied, "is for another kind of secret");
  refuse_excess(slot.cost);
  const crypto::SecretKey& private_key = this->private_key(slot);
  const auto shared = crypto::x25519_shared(private_key, slot.ephemeral);
  if (!shared) throw slot_refused(ErrorKind::corrupt, "was made to be opened by everybody");
  const WrapKey wrap = derive_wrap_key(*shared, slot, crypto::x25519_public_key(private_key));
  if (!crypto::equal_in_constant_time(wrap.commitment, slot.commitment)) {
    throw slot_refused(ErrorKind::denied, "the secret is not the one of this slot");
  }
  const auto root = crypto::xchacha_open(wrap.key, slot.nonce, object.first(k_aad_bytes), slot.wrapped);
  if (!root) throw slot_refused(ErrorKind::corrupt, "the wrapped key does not open");
  return Keyring(slot.pool, slot.epoch, crypto::SecretKey(root->bytes().first<crypto::SecretKey::k_bytes>()));
}

}  // namespace modelfloat::mf1
