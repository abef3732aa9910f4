#include "modelfloat/crypto/key_derivation.h"

#include <memory>
#include <new>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/sodium_once.h"

namespace modelfloat::crypto {
namespace {

constexpr std::size_t k_hkdf_max_bytes = 8160;  // 255 results of SHA-256

struct FreeKdf {
  void operator()(EVP_KDF_CTX* context) const noexcept { EVP_KDF_CTX_free(context); }
};

// Looked up once, as searching OpenSSL's providers takes longer than the derivation.
EVP_KDF* hkdf() {
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  if (kdf == nullptr) throw Error(ErrorKind::internal, "OpenSSL", "has no HKDF");
  return kdf;
}

// OpenSSL takes parameters by pointers to non-const, and an empty one must not be null.
OSSL_PARAM octets(const char* name, ByteSpan bytes) {
  static const std::byte none{};
  const std::byte* data = bytes.empty() ? &none : bytes.data();
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(data), bytes.size());
}

void check_costs(std::uint64_t memory_kib, std::uint32_t passes) {
  if (memory_kib > k_argon2id_max_memory_kib || passes > k_argon2id_max_passes) {
    throw Error(ErrorKind::unsupported, "Argon2id", "asks for more than 1 GiB of memory or more than 10 passes");
  }
  if (memory_kib < k_argon2id_min_memory_kib || passes < 1) {
    throw Error(ErrorKind::invalid, "Argon2id", "needs at least 8 KiB of memory and one pass");
  }
}

}  // namespace

void hkdf_sha256(ByteSpan input_key, ByteSpan salt, ByteSpan info, MutableByteSpan out) {
  if (out.empty() || out.size() > k_hkdf_max_bytes) {
    throw Error(ErrorKind::internal, "HKDF", "makes 1 to 8160 bytes at once");
  }
  const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(EVP_KDF_CTX_new(hkdf()));
  if (!context) throw std::bad_alloc();
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, input_key),
      octets(OSSL_KDF_PARAM_INFO, info),
      octets(OSSL_KDF_PARAM_SALT, salt),
      OSSL_PARAM_construct_end(),
  };
  // RFC 5869: no salt is 32 zeros, which HMAC makes of an empty key by itself; OpenSSL refuses an
  // empty one, so leave it out.
  if (salt.empty()) parameters[3] = OSSL_PARAM_construct_end();
  if (EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), out.size(), parameters) != 1) {
    throw Error(ErrorKind::internal, "HKDF", "OpenSSL could not derive a key");
  }
}

SecretKey hkdf_sha256_key(ByteSpan input_key, ByteSpan salt, ByteSpan info) {
  return SecretKey::filled_by([&](MutableByteSpan out) { hkdf_sha256(input_key, salt, info, out); });
}

SecretKey argon2id(const SecretBytes& passphrase, std::span<const std::byte, 16> salt, std::uint64_t memory_kib,
                   std::uint32_t passes) {
  static_assert(crypto_pwhash_argon2id_SALTBYTES == 16);
  static_assert(crypto_pwhash_argon2id_MEMLIMIT_MIN == k_argon2id_min_memory_kib * 1024);
  check_costs(memory_kib, passes);
  start_sodium();
  // An empty passphrase may have no address, which libsodium passes on to memcpy.
  const ByteSpan secret = passphrase.empty() ? as_bytes("") : passphrase.bytes();
  return SecretKey::filled_by([&](MutableByteSpan out) {
    const int result = crypto_pwhash_argon2id(
        reinterpret_cast<unsigned char*>(out.data()), out.size(), reinterpret_cast<const char*>(secret.data()),
        secret.size(), reinterpret_cast<const unsigned char*>(salt.data()), passes,
        static_cast<std::size_t>(memory_kib) * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13);
    if (result != 0) throw Error(ErrorKind::out_of_space, "Argon2id", "there is not enough memory to derive the key");
  });
}

}  // namespace modelfloat::crypto
