#include "modelfloat/crypto/x25519.h"

#include <tuple>

#include <sodium.h>

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/sodium_once.h"

namespace modelfloat::crypto {
namespace {

const unsigned char* as_sodium(ByteSpan bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace

PublicKey x25519_public_key(const SecretKey& private_key) {
  static_assert(crypto_scalarmult_BYTES == std::tuple_size_v<PublicKey>);
  start_sodium();
  PublicKey result;
  if (crypto_scalarmult_base(reinterpret_cast<unsigned char*>(result.data()), as_sodium(private_key.bytes())) != 0) {
    throw Error(ErrorKind::internal, "X25519", "libsodium could not make a public key");
  }
  return result;
}

std::optional<SecretKey> x25519_shared(const SecretKey& private_key, const PublicKey& public_key) {
  static_assert(crypto_scalarmult_SCALARBYTES == SecretKey::k_bytes);
  start_sodium();
  int failed = 0;
  SecretKey shared = SecretKey::filled_by([&](MutableByteSpan out) {
    failed = crypto_scalarmult(reinterpret_cast<unsigned char*>(out.data()), as_sodium(private_key.bytes()),
                               as_sodium(public_key));
  });
  // libsodium fails for exactly those public keys that make 32 zero bytes.
  if (failed != 0) return std::nullopt;
  return shared;
}

}  // namespace modelfloat::crypto
