#pragma once
// Diffie-Hellman over Curve25519, RFC 7748.

#include <array>
#include <cstddef>
#include <optional>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/secret.h"

namespace modelfloat::crypto {

using PublicKey = std::array<std::byte, 32>;

// The public key of a private key: X25519(private key, 9). Any 32 bytes are a private key. May be
// called from any thread.
PublicKey x25519_public_key(const SecretKey& private_key);

// X25519(private key, public key): the secret that the owners of two private keys share. nullopt
// when it would be 32 zero bytes, which means that the public key was chosen to make it so. May be
// called from any thread.
std::optional<SecretKey> x25519_shared(const SecretKey& private_key, const PublicKey& public_key);

}  // namespace modelfloat::crypto
