#include "modelfloat/mf1/seal.h"

#include <string>

#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::size_t k_number_at = 12;
constexpr std::size_t k_fragment_at = 64;
constexpr std::size_t k_codec_at = 7;
constexpr std::size_t k_zeros_before_base = 3;

}  // namespace

SaltKey derive_salt_key(const crypto::SecretKey& type_key, const Hash256& salt, ObjectType type, crypto::Suite suite) {
  std::string info = "modelfloat/mf1/seal";
  info.push_back(static_cast<char>(type));
  info.push_back(static_cast<char>(suite));
  std::array<std::byte, 64> both;
  crypto::hkdf_sha256(type_key.bytes(), salt, as_bytes(info), both);
  SaltKey result{crypto::SecretKey(std::span(both).first<32>()), {}};
  std::copy_n(both.begin() + 32, 32, result.commitment.begin());
  crypto::wipe(both);
  return result;
}

std::optional<SaltKey> find_salt_key(const Keyring& keyring, std::uint32_t epoch, const Hash256& commitment,
                                     const Hash256& salt, ObjectType type, crypto::Suite suite) {
  const KeyUse use = key_use_of(type);
  for (const RootKey& root : keyring.roots(epoch)) {
    SaltKey key = derive_salt_key(root.key(use), salt, type, suite);
    if (crypto::equal_in_constant_time(key.commitment, commitment)) return key;
  }
  return std::nullopt;
}

std::array<std::byte, crypto::k_nonce_bytes> frame_nonce(std::uint32_t number) noexcept {
  std::array<std::byte, crypto::k_nonce_bytes> nonce{};
  store_le(nonce, number);
  return nonce;
}

FrameBinder::FrameBinder(const PoolId& pool, std::uint32_t epoch, const Hash256& salt, ObjectType type,
                         crypto::Suite suite) noexcept
    : base_{} {
  FieldWriter(base_)
      .bytes(k_magic)
      .number(k_format)
      .number(static_cast<std::uint8_t>(suite))
      .number(static_cast<std::uint8_t>(type))
      .zeros(1)
      .number(epoch)
      .zeros(4)
      .bytes(pool)
      .bytes(salt);
}

FrameAad FrameBinder::aad(const FrameFacts& facts) const noexcept {
  FrameAad aad = base_;
  aad[k_codec_at] = static_cast<std::byte>(facts.codec.id);
  FieldWriter(MutableByteSpan(aad).subspan(k_number_at)).number(facts.number);
  FieldWriter(MutableByteSpan(aad).subspan(k_fragment_at))
      .bytes(facts.fragment)
      .number(facts.plain_bytes)
      .number(facts.codec.parameter)
      .zeros(k_zeros_before_base)
      .bytes(facts.codec.base.value_or(FragmentId{}));
  return aad;
}

}  // namespace modelfloat::mf1
