#include "modelfloat/mf1/slot.h"

#include <algorithm>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::size_t k_checked_bytes = 188;
constexpr std::size_t k_aad_bytes = 140;  // header and nonce
constexpr std::uint8_t k_wrap_cipher = 1;
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

WrapKey derive_wrap_key(ByteSpan secret, const Hash256& salt, SecretKind kind) {
  std::string info = "modelfloat/mf1/slot";
  info.push_back(static_cast<char>(kind));
  std::array<std::byte, 64> both;
  crypto::hkdf_sha256(secret, salt, as_bytes(info), both);
  WrapKey result{crypto::SecretKey(std::span(both).first<32>()), {}};
  std::copy_n(both.begin() + 32, 32, result.commitment.begin());
  crypto::wipe(both);
  return result;
}

WrapKey wrap_key_of(const SlotSecret& secret, const Hash256& salt, PassphraseCost cost) {
  if (secret.kind() != SecretKind::passphrase) return derive_wrap_key(secret.bytes(), salt, secret.kind());
  const auto stretched =
      crypto::argon2id(crypto::SecretBytes(secret.bytes()), std::span(salt).first<16>(), cost.memory_kib, cost.passes);
  return derive_wrap_key(stretched.bytes(), salt, secret.kind());
}

void write_checksum(MutableByteSpan object) {
  const Hash256 sum = crypto::blake3(object.first(k_checked_bytes));
  std::copy_n(sum.begin(), k_slot_bytes - k_checked_bytes, object.begin() + k_checked_bytes);
}

bool checksum_fits(ByteSpan object) {
  const Hash256 sum = crypto::blake3(object.first(k_checked_bytes));
  return equal(ByteSpan(sum).first(k_slot_bytes - k_checked_bytes), object.subspan(k_checked_bytes));
}

void check_cost(PassphraseCost cost) {
  if (cost.memory_kib > crypto::k_argon2id_max_memory_kib || cost.passes > crypto::k_argon2id_max_passes) {
    throw slot_refused(ErrorKind::unsupported, "asks for more memory or passes than a slot may");
  }
  if (cost.memory_kib < crypto::k_argon2id_min_memory_kib || cost.passes < 1) {
    throw slot_refused(ErrorKind::corrupt, "has no passphrase cost");
  }
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

Bytes make_slot(const SlotSecret& secret, const Keyring& keyring, std::uint32_t epoch, Random& random,
                PassphraseCost cost) {
  const bool stretched = secret.kind() == SecretKind::passphrase;
  if (stretched) check_cost(cost);
  const auto& root = keyring.root(epoch);
  const auto id = random.array<16>();
  const auto salt = random.array<32>();
  const auto nonce = random.array<24>();
  const WrapKey wrap = wrap_key_of(secret, salt, cost);
  Bytes object(k_slot_bytes);
  FieldWriter writer(object);
  writer.bytes(k_magic)
      .number(k_format)
      .number(static_cast<std::uint8_t>(ObjectType::slot))
      .number(k_wrap_cipher)
      .number(static_cast<std::uint8_t>(secret.kind()))
      .number(epoch)
      .number(stretched ? cost.memory_kib : 0U)
      .number(stretched ? cost.passes : 0U)
      .bytes(keyring.pool_id())
      .bytes(id)
      .bytes(salt)
      .bytes(wrap.commitment)
      .bytes(nonce);
  writer.bytes(crypto::xchacha_seal(wrap.key, nonce, ByteSpan(object).first(k_aad_bytes), root.bytes()));
  write_checksum(object);
  return object;
}

Slot parse_slot(ByteSpan object) {
  if (object.size() < k_magic.size() + 1 || !equal(object.first(k_magic.size()), k_magic)) {
    throw slot_refused(ErrorKind::corrupt, "is no object of ours");
  }
  FieldReader fields(object.subspan(k_magic.size()));
  if (fields.number<std::uint8_t>() != k_format) throw slot_refused(ErrorKind::unsupported, "is of an unknown format");
  if (object.size() != k_slot_bytes || !checksum_fits(object)) throw slot_refused(ErrorKind::corrupt, "is damaged");
  if (fields.number<std::uint8_t>() != static_cast<std::uint8_t>(ObjectType::slot)) {
    throw slot_refused(ErrorKind::corrupt, "is an object of another type");
  }
  if (fields.number<std::uint8_t>() != k_wrap_cipher)
    throw slot_refused(ErrorKind::unsupported, "has an unknown cipher");
  Slot slot;
  slot.kind = static_cast<SecretKind>(fields.number<std::uint8_t>());
  if (slot.kind < SecretKind::recovery_code || slot.kind > SecretKind::key_file) {
    throw slot_refused(ErrorKind::unsupported, "is for an unknown kind of secret");
  }
  slot.epoch = fields.number<std::uint32_t>();
  slot.cost.memory_kib = fields.number<std::uint32_t>();
  slot.cost.passes = fields.number<std::uint32_t>();
  const bool stretched = slot.kind == SecretKind::passphrase;
  if (slot.epoch == 0 || (!stretched && (slot.cost.memory_kib != 0 || slot.cost.passes != 0))) {
    throw slot_refused(ErrorKind::corrupt, "has fields that make no sense");
  }
  slot.pool = fields.array<16>();
  slot.id = fields.array<16>();
  slot.salt = fields.array<32>();
  slot.commitment = fields.array<32>();
  slot.nonce = fields.array<24>();
  slot.wrapped = fields.array<48>();
  return slot;
}

Keyring open_slot(ByteSpan object, const SlotSecret& secret) {
  const Slot slot = parse_slot(object);
  if (slot.kind != secret.kind()) throw slot_refused(ErrorKind::denied, "is for another kind of secret");
  if (slot.kind == SecretKind::passphrase) check_cost(slot.cost);
  const WrapKey wrap = wrap_key_of(secret, slot.salt, slot.cost);
  if (!crypto::equal_in_constant_time(wrap.commitment, slot.commitment)) {
    throw slot_refused(ErrorKind::denied, "the secret is not the one of this slot");
  }
  const auto root = crypto::xchacha_open(wrap.key, slot.nonce, object.first(k_aad_bytes), slot.wrapped);
  if (!root) throw slot_refused(ErrorKind::corrupt, "the wrapped key does not open");
  return Keyring(slot.pool, slot.epoch, crypto::SecretKey(root->bytes().first<crypto::SecretKey::k_bytes>()));
}

}  // namespace modelfloat::mf1
