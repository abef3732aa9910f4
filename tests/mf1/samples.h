#pragma once
// What several of these tests start from.

#include <optional>
#include <vector>

#include "support/fixed_random.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/codec/codec.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::mf1 {

using test::kind_thrown;

inline constexpr auto k_aes = crypto::Suite::aes_256_gcm;
inline constexpr auto k_chacha = crypto::Suite::chacha20_poly1305;

inline Keyring sample_keyring(std::uint64_t seed = 1) {
  test::FixedRandom random(seed);
  const auto pool = random.array<16>();
  return Keyring(pool, 1, crypto::SecretKey::random(random));
}

// Calls damaged(bytes, what) with each byte of `good` changed in turn, with each truncation, and
// with a byte more.
template <typename Damaged>
void for_each_damage(const Bytes& good, Damaged&& damaged) {
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= static_cast<std::byte>(1 << (i % 8));
    damaged(bad, "changed byte " + std::to_string(i));
  }
  for (std::size_t length = 0; length < good.size(); ++length) {
    damaged(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)),
            "cut to " + std::to_string(length));
  }
  Bytes longer = good;
  longer.push_back(std::byte{0});
  damaged(longer, "a byte more");
}

// A fragment of the keyring's current epoch; compressible ones come out as zstd.
inline EncodedFragment encode_fragment(const Keyring& keyring, const Bytes& plain) {
  auto encoded = codec::encode(plain, {});
  EncodedFragment fragment;
  fragment.id = keyring.fragment_id(keyring.current_epoch(), plain);
  fragment.plain_bytes = static_cast<std::uint32_t>(plain.size());
  fragment.codec = encoded.codec;
  fragment.bytes = encoded.codec.id == CodecId::raw ? plain : encoded.bytes;
  return fragment;
}

// Bytes that zstd makes fewer.
inline Bytes dull_bytes(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i / 100 % 7);
  return bytes;
}

inline Bytes raw_bytes(std::size_t size, std::uint64_t seed) { return test::random_bytes(size, seed); }

}  // namespace modelfloat::mf1
