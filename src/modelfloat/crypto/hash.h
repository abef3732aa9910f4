#pragma once
// Hash functions. BLAKE3 names fragments and objects. SHA-256 and SHA-1 are how the Hugging Face
// Hub, Ollama and git identify files.

#include <array>
#include <cstddef>
#include <memory>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/secret.h"

struct evp_md_ctx_st;

namespace modelfloat::crypto {

using Hash128 = std::array<std::byte, 16>;
using Hash160 = std::array<std::byte, 20>;

Hash256 blake3(ByteSpan bytes);
Hash256 blake3_keyed(const SecretKey& key, ByteSpan bytes);
Hash256 sha256(ByteSpan bytes);
Hash256 hmac_sha256(ByteSpan key, ByteSpan message);
// Only for the checksums of providers: MD5 does not protect against an attacker.
Hash128 md5(ByteSpan bytes);

// The streaming forms below are movable, not copyable, and used by one thread at a time.

// BLAKE3 over bytes that come piece by piece. finish() may be called at any time and does not end
// the stream.
class Blake3 {
 public:
  Blake3();
  explicit Blake3(const SecretKey& key);
  Blake3(Blake3&&) noexcept;
  Blake3& operator=(Blake3&&) noexcept;
  ~Blake3();

  void update(ByteSpan bytes);
  Hash256 finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

namespace detail {
struct FreeDigest {
  void operator()(evp_md_ctx_st* context) const noexcept;
};
using Digest = std::unique_ptr<evp_md_ctx_st, FreeDigest>;
}  // namespace detail

// finish() gives the hash of all bytes since construction or the last finish() and starts over.
class Sha256 {
 public:
  Sha256();
  void update(ByteSpan bytes);
  Hash256 finish();

 private:
  detail::Digest context_;
};

// As Sha256. Only for git object ids: SHA-1 does not protect against an attacker.
class Sha1 {
 public:
  Sha1();
  void update(ByteSpan bytes);
  Hash160 finish();

 private:
  detail::Digest context_;
};

}  // namespace modelfloat::crypto
