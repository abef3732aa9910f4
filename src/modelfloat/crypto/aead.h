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

// The numbers stand in object headers.
enum class Suite : std::uint8_t { aes_256_gcm = 1, chacha20_poly1305 = 2 };

// The suite with this number, or nothing.
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

// Seals many frames under one key. The caller never gives a nonce twice. The key is set up once, so
// keep the object for all frames of a pack; movable; one thread at a time.
class Sealer {
 public:
  Sealer(Suite suite, const SecretKey& key);

  // Writes the ciphertext and then the tag: `out` has plain.size() + k_tag_bytes bytes, else
  // Error{internal}. `plain` may be the front of `out`; any other overlap is a mistake.
  void seal(std::span<const std::byte, k_nonce_bytes> nonce, ByteSpan aad, ByteSpan plain, MutableByteSpan out);

 private:
  detail::Cipher context_;
};

// Opens what a Sealer of the same suite and key made. Movable; one thread at a time.
class Opener {
 public:
  Opener(Suite suite, const SecretKey& key);

  // `sealed_parts`, one after the other, are the ciphertext and its tag; they may be cut anywhere.
  // `out` has as many bytes as they have together, less k_tag_bytes, else Error{internal}. False
  // when the tag does not fit or is not there in full: then `out` is wiped.
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

// Nothing when the key, nonce, associated data or bytes are not those of a xchacha_seal.
std::optional<SecretBytes> xchacha_open(const SecretKey& key, std::span<const std::byte, k_xchacha_nonce_bytes> nonce,
                                        ByteSpan aad, ByteSpan sealed);

}  // namespace modelfloat::crypto
