#pragma once
// Internal to mf1: the key, nonce and associated data of a sealed thing (format document, section
// 4).

#include <array>
#include <cstdint>
#include <optional>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/domain/codec.h"
#include "modelfloat/domain/object_name.h"
#include "modelfloat/mf1/keyring.h"

namespace modelfloat::mf1 {

// The key derived from one salt, and the commitment that binds an object to this key. The
// commitment stands in the clear header.
struct SaltKey {
  crypto::SecretKey key;
  Hash256 commitment;
};

SaltKey derive_salt_key(const crypto::SecretKey& type_key, const Hash256& salt, ObjectType type, crypto::Suite suite);

// The key of an object whose header says this epoch and commitment: of the root of that number
// whose key has this commitment. nullopt when none has. Error{denied} for an epoch of which the
// keyring has no root.
std::optional<SaltKey> find_salt_key(const Keyring& keyring, std::uint32_t epoch, const Hash256& commitment,
                                     const Hash256& salt, ObjectType type, crypto::Suite suite);

inline constexpr std::uint32_t k_index_frame = 0xFFFFFFFD;
inline constexpr std::uint32_t k_padding_frame = 0xFFFFFFFE;
inline constexpr std::uint32_t k_locator_frame = 0xFFFFFFFF;

std::array<std::byte, crypto::k_nonce_bytes> frame_nonce(std::uint32_t number) noexcept;

// What the associated data says about a single frame.
struct FrameFacts {
  std::uint32_t number = 0;
  // Of the fragment before its codec; for other frames of the frame's plaintext.
  std::uint32_t plain_bytes = 0;
  FragmentId fragment{};  // zeros where the frame is no fragment
  Codec codec{};          // raw where the frame is no fragment
};

using FrameAad = std::array<std::byte, 136>;

// Makes the associated data of all frames of one salt.
class FrameBinder {
 public:
  FrameBinder(const PoolId& pool, std::uint32_t epoch, const Hash256& salt, ObjectType type,
              crypto::Suite suite) noexcept;
  FrameAad aad(const FrameFacts&) const noexcept;

 private:
  FrameAad base_;  // with zeros for what differs by frame
};

}  // namespace modelfloat::mf1
