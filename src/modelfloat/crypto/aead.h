#pragma once
// Authenticated encryption: AES-256-GCM and ChaCha20-Poly1305 for frames, XChaCha20-Poly1305 for
// wrapped keys.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/secret.h"

struct evp_cipher_ctx_st;

namespace modelfloat::crypto {

// The numbers are part of object headers.
enum class Suite : std::uint8_t { aes_256_gcm = 1, chacha20_poly1305 = 2 };

// The suite with this number; nullopt for an unknown one.
std::optional<Suite> suite_from(std::uint8_t number) noexcept;

// AES where the CPU has instructions for it and for GCM's multiplication, else ChaCha20.
Suite preferred_suite() noexcept;

constexpr std::size_t k_tag_bytes = 16;
constexpr std::size_t k_nonce_bytes = 12;
constexpr std::size_t k_xchacha_nonce_bytes = 24;

namespace detail {
struct FreeCipher {
  void operator()(evp_cipher_ctx_st* context) const noexcept;
};
using Cipher = std::unique_ptr<evp_cipher_ctx_st, FreeCipher>;
}  // namespace detail

// Seals many frames under one key. The caller must never use a nonce twice. Use one Sealer for
// all frames of a pack, because setting up the key takes time. Movable; one thread at a time.
class Sealer {
 public:
  Sealer(Suite suite, const SecretKey& key);

  // Writes the ciphertext and then the tag: `out` has plain.size() + k_tag_bytes bytes, else
  // Error{internal}. `plain` may be the front of `out`, but must not overlap it in another way.
  void seal(std::span<const std::byte, k_nonce_bytes> nonce, ByteSpan aad, ByteSpan plain, MutableByteSpan out);

 private:
  detail::Cipher context_;
};

// Opens what a Sealer of the same suite and key made. Movable; one thread at a time.
class Opener {
 public:
  Opener(Suite suite, const SecretKey& key);

  // The concatenated `sealed_parts` are the ciphertext and its tag, divided anywhere. `out` must
  // have k_tag_bytes fewer bytes, else Error{internal}. Returns false, and wipes `out`, when the
  // tag is wrong or incomplete.
  [[nodiscard]] bool open(std::span<const std::byte, k_nonce_bytes> nonce, ByteSpan aad,
                          std::span<const ByteSpan> sealed_parts, MutableByteSpan out);
  [[nodiscard]] bool open(std::span<const std::byte, k_nonce_bytes> nonce, ByteSpan aad, ByteSpan sealed,
                          MutableByteSpan out);

 private:
  detail::Cipher context_;
};

// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): a nonce long enough to be drawn at random. The
// result is the ciphertext and then the tag.
Bytes xchacha_seal(const SecretKey& key, std::span<const std::byte, k_xchacha_nonce_bytes> nonce, ByteSpan aad,
                   ByteSpan plain);

// nullopt when the key, nonce, associated data or sealed bytes do not fit together.
std::optional<SecretBytes> xchacha_open(const SecretKey& key, std::span<const std::byte, k_xchacha_nonce_bytes> nonce,
                                        ByteSpan aad, ByteSpan sealed);

}  // namespace modelfloat::crypto
