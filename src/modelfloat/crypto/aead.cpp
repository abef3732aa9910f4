#include "modelfloat/crypto/aead.h"

#include <algorithm>
#include <array>
#include <new>

#include <openssl/evp.h>
#include <sodium.h>
#if defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/sodium_once.h"

namespace modelfloat::crypto {
namespace {

using Nonce = std::span<const std::byte, k_nonce_bytes>;

// OpenSSL counts in int.
constexpr std::size_t k_max_step = std::size_t{1} << 30;

Error failed(std::string_view what) { return {ErrorKind::internal, "OpenSSL", what}; }

const unsigned char* octets(ByteSpan bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* octets(MutableByteSpan bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

EVP_CIPHER* fetch_cipher(const char* name) {
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  if (cipher == nullptr) throw failed(std::string("has no cipher ") + name);
  return cipher;
}

// Looked up once: searching OpenSSL's providers is slow beside a small frame.
EVP_CIPHER* cipher_of(Suite suite) {
  if (suite == Suite::aes_256_gcm) {
    static EVP_CIPHER* const aes = fetch_cipher("AES-256-GCM");
    return aes;
  }
  if (suite == Suite::chacha20_poly1305) {
    static EVP_CIPHER* const chacha = fetch_cipher("ChaCha20-Poly1305");
    return chacha;
  }
  throw Error(ErrorKind::unsupported, "cipher suite", std::to_string(static_cast<int>(suite)) + " is not known");
}

detail::Cipher new_context(Suite suite, const SecretKey& key, bool sealing) {
  detail::Cipher context(EVP_CIPHER_CTX_new());
  if (!context) throw std::bad_alloc();
  if (EVP_CipherInit_ex2(context.get(), cipher_of(suite), octets(key.bytes()), nullptr, sealing ? 1 : 0, nullptr) !=
      1) {
    throw failed("could not set up a key");
  }
  return context;
}

// Passes `from` through the cipher; when `to` is null, as associated data. The output is complete
// at once, because both modes are stream modes.
void pass(EVP_CIPHER_CTX* context, ByteSpan from, std::byte* to) {
  while (!from.empty()) {
    const std::size_t step = std::min(from.size(), k_max_step);
    int written = 0;
    if (EVP_CipherUpdate(context, reinterpret_cast<unsigned char*>(to), &written, octets(from),
                         static_cast<int>(step)) != 1 ||
        static_cast<std::size_t>(written) != step) {
      throw failed("a cipher step failed");
    }
    from = from.subspan(step);
    if (to != nullptr) to += step;
  }
}

// Key and cipher stay as they are, only the nonce is new.
void start_frame(EVP_CIPHER_CTX* context, Nonce nonce, ByteSpan aad) {
  if (EVP_CipherInit_ex2(context, nullptr, nullptr, octets(nonce), -1, nullptr) != 1) throw failed("refused a nonce");
  pass(context, aad, nullptr);
}

std::size_t total_size(std::span<const ByteSpan> parts) {
  std::size_t total = 0;
  for (const ByteSpan part : parts) total += part.size();
  return total;
}

// Decrypts all but the last k_tag_bytes of the parts, which go to `tag`.
void decrypt_parts(EVP_CIPHER_CTX* context, std::span<const ByteSpan> parts, MutableByteSpan out,
                   std::span<std::byte, k_tag_bytes> tag) {
  std::size_t done = 0;
  std::size_t tag_done = 0;
  for (const ByteSpan part : parts) {
    const std::size_t text = std::min(part.size(), out.size() - done);
    pass(context, part.first(text), out.data() + done);
    done += text;
    const ByteSpan rest = part.subspan(text);
    std::copy(rest.begin(), rest.end(), tag.begin() + static_cast<std::ptrdiff_t>(tag_done));
    tag_done += rest.size();
  }
}

bool tag_fits(EVP_CIPHER_CTX* context, std::span<std::byte, k_tag_bytes> tag) {
  if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, k_tag_bytes, tag.data()) != 1) throw failed("refused a tag");
  std::array<unsigned char, k_tag_bytes> nothing;
  int written = 0;
  return EVP_CipherFinal_ex(context, nothing.data(), &written) == 1;
}

}  // namespace

void detail::FreeCipher::operator()(evp_cipher_ctx_st* context) const noexcept { EVP_CIPHER_CTX_free(context); }

std::optional<Suite> suite_from(std::uint8_t number) noexcept {
  if (number == 1) return Suite::aes_256_gcm;
  if (number == 2) return Suite::chacha20_poly1305;
  return std::nullopt;
}

Suite preferred_suite() noexcept {
#if defined(__x86_64__)
  const bool has_aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__linux__) && defined(__aarch64__)
  const bool has_aes = (getauxval(AT_HWCAP) & HWCAP_AES) != 0 && (getauxval(AT_HWCAP) & HWCAP_PMULL) != 0;
#else
  const bool has_aes = false;
#endif
  return has_aes ? Suite::aes_256_gcm : Suite::chacha20_poly1305;
}

Sealer::Sealer(Suite suite, const SecretKey& key) : context_(new_context(suite, key, true)) {}

void Sealer::seal(Nonce nonce, ByteSpan aad, ByteSpan plain, MutableByteSpan out) {
  if (out.size() != plain.size() + k_tag_bytes) throw Error(ErrorKind::internal, "seal", "the output has a wrong size");
  start_frame(context_.get(), nonce, aad);
  pass(context_.get(), plain, out.data());
  std::byte* const tag = out.data() + plain.size();
  int written = 0;
  if (EVP_CipherFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(tag), &written) != 1 || written != 0 ||
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, k_tag_bytes, tag) != 1) {
    throw failed("could not make a tag");
  }
}

Opener::Opener(Suite suite, const SecretKey& key) : context_(new_context(suite, key, false)) {}

bool Opener::open(Nonce nonce, ByteSpan aad, std::span<const ByteSpan> sealed_parts, MutableByteSpan out) {
  const std::size_t total = total_size(sealed_parts);
  if (total < k_tag_bytes) {
    wipe(out);
    return false;
  }
  if (out.size() != total - k_tag_bytes) throw Error(ErrorKind::internal, "open", "the output has a wrong size");
  std::array<std::byte, k_tag_bytes> tag;
  start_frame(context_.get(), nonce, aad);
  decrypt_parts(context_.get(), sealed_parts, out, tag);
  if (tag_fits(context_.get(), tag)) return true;
  wipe(out);
  return false;
}

bool Opener::open(Nonce nonce, ByteSpan aad, ByteSpan sealed, MutableByteSpan out) {
  return open(nonce, aad, std::span(&sealed, 1), out);
}

Bytes xchacha_seal(const SecretKey& key, std::span<const std::byte, k_xchacha_nonce_bytes> nonce, ByteSpan aad,
                   ByteSpan plain) {
  start_sodium();
  Bytes sealed(plain.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt(octets(MutableByteSpan(sealed)), nullptr, octets(plain), plain.size(),
                                             octets(aad), aad.size(), nullptr, octets(nonce), octets(key.bytes()));
  return sealed;
}

std::optional<SecretBytes> xchacha_open(const SecretKey& key, std::span<const std::byte, k_xchacha_nonce_bytes> nonce,
                                        ByteSpan aad, ByteSpan sealed) {
  constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  if (sealed.size() < tag_bytes) return std::nullopt;
  start_sodium();
  Bytes plain(sealed.size() - tag_bytes);
  const int result = crypto_aead_xchacha20poly1305_ietf_decrypt(octets(MutableByteSpan(plain)), nullptr, nullptr,
                                                                octets(sealed), sealed.size(), octets(aad), aad.size(),
                                                                octets(nonce), octets(key.bytes()));
  if (result != 0) return std::nullopt;
  return SecretBytes(std::move(plain));
}

}  // namespace modelfloat::crypto
