#pragma once
// Keys from keys (HKDF) and keys from passphrases (Argon2id).

#include <cstdint>
#include <span>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/secret.h"

namespace modelfloat::crypto {

// HKDF with SHA-256, RFC 5869, both steps. `out` has 1 to 8160 bytes, else Error{internal}.
void hkdf_sha256(ByteSpan input_key, ByteSpan salt, ByteSpan info, MutableByteSpan out);

// The same for one key of 32 bytes.
SecretKey hkdf_sha256_key(ByteSpan input_key, ByteSpan salt, ByteSpan info);

constexpr std::uint64_t k_argon2id_max_memory_kib = std::uint64_t{1} << 20;
constexpr std::uint32_t k_argon2id_max_passes = 10;
constexpr std::uint64_t k_argon2id_min_memory_kib = 8;

// Argon2id version 1.3 with one lane, RFC 9106. The costs may come from an untrusted slot, so
// they are checked before anything is allocated: Error{unsupported} above the maxima,
// Error{invalid} for less than 8 KiB or no pass. Error{out_of_space} when the memory cannot be
// allocated.
SecretKey argon2id(const SecretBytes& passphrase, std::span<const std::byte, 16> salt, std::uint64_t memory_kib,
                   std::uint32_t passes);

}  // namespace modelfloat::crypto
