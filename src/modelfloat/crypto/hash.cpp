#include "modelfloat/crypto/hash.h"

#include <blake3.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "modelfloat/base/error.h"

namespace modelfloat::crypto {
namespace {

void set_up(blake3_hasher& hasher, const SecretKey& key) {
  blake3_hasher_init_keyed(&hasher, reinterpret_cast<const std::uint8_t*>(key.bytes().data()));
}

Hash256 result_of(const blake3_hasher& hasher) {
  Hash256 hash;
  blake3_hasher_finalize(&hasher, reinterpret_cast<std::uint8_t*>(hash.data()), hash.size());
  return hash;
}

// A hasher holds its key and the last bytes it was given.
void wipe(blake3_hasher& hasher) noexcept { crypto::wipe(std::as_writable_bytes(std::span(&hasher, 1))); }

void check(int result) {
  if (result != 1) throw Error(ErrorKind::internal, "OpenSSL", "a digest failed");
}

// Looked up once: OpenSSL 3 otherwise searches its providers at every start of a digest.
const EVP_MD* fetch_digest(const char* name) {
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  if (digest == nullptr) throw Error(ErrorKind::internal, "OpenSSL", std::string("does not know the digest ") + name);
  return digest;
}

const EVP_MD* sha256_digest() {
  static const EVP_MD* const digest = fetch_digest("SHA256");
  return digest;
}

const EVP_MD* sha1_digest() {
  static const EVP_MD* const digest = fetch_digest("SHA1");
  return digest;
}

detail::Digest new_context(const EVP_MD* digest) {
  detail::Digest context(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  check(EVP_DigestInit_ex2(context.get(), digest, nullptr));
  return context;
}

template <std::size_t N>
std::array<std::byte, N> finish_digest(EVP_MD_CTX* context) {
  std::array<std::byte, N> hash;
  unsigned length = 0;
  check(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(hash.data()), &length));
  check(length == N ? 1 : 0);
  check(EVP_DigestInit_ex2(context, nullptr, nullptr));
  return hash;
}

}  // namespace

Hash256 blake3(ByteSpan bytes) {
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  return result_of(hasher);
}

Hash256 blake3_keyed(const SecretKey& key, ByteSpan bytes) {
  blake3_hasher hasher;
  set_up(hasher, key);
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  const Hash256 hash = result_of(hasher);
  wipe(hasher);
  return hash;
}

Hash256 sha256(ByteSpan bytes) {
  Sha256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Hash256 hmac_sha256(ByteSpan key, ByteSpan message) {
  Hash256 result;
  unsigned length = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  // A null pointer would mean "the key of before"
  const void* secret = key.empty() ? "" : static_cast<const void*>(key.data());
  const bool done = HMAC(sha256_digest(), secret, static_cast<int>(key.size()), bytes, message.size(),
                         reinterpret_cast<unsigned char*>(result.data()), &length) != nullptr;
  check(done && length == result.size() ? 1 : 0);
  return result;
}

Hash128 md5(ByteSpan bytes) {
  Hash128 result;
  check(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(result.data()), nullptr, EVP_md5(),
                   nullptr));
  return result;
}

struct Blake3::State {
  ~State() { wipe(hasher); }
  blake3_hasher hasher;
};

Blake3::Blake3() : state_(std::make_unique<State>()) { blake3_hasher_init(&state_->hasher); }
Blake3::Blake3(const SecretKey& key) : state_(std::make_unique<State>()) { set_up(state_->hasher, key); }
Blake3::Blake3(Blake3&&) noexcept = default;
Blake3& Blake3::operator=(Blake3&&) noexcept = default;
Blake3::~Blake3() = default;

void Blake3::update(ByteSpan bytes) { blake3_hasher_update(&state_->hasher, bytes.data(), bytes.size()); }
Hash256 Blake3::finish() const { return result_of(state_->hasher); }

void detail::FreeDigest::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(new_context(sha256_digest())) {}
void Sha256::update(ByteSpan bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }
Hash256 Sha256::finish() { return finish_digest<32>(context_.get()); }

Sha1::Sha1() : context_(new_context(sha1_digest())) {}
void Sha1::update(ByteSpan bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }
Hash160 Sha1::finish() { return finish_digest<20>(context_.get()); }

}  // namespace modelfloat::crypto
