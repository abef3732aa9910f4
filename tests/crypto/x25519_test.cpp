#include "modelfloat/crypto/x25519.h"

#include <utility>

#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"

namespace modelfloat::crypto {
namespace {

SecretKey secret(std::string_view hex) { return SecretKey(array_from_hex<32>(hex).value()); }
PublicKey point(std::string_view hex) { return array_from_hex<32>(hex).value(); }

std::string x25519(std::string_view scalar, std::string_view coordinate) {
  return to_hex(x25519_shared(secret(scalar), point(coordinate)).value().bytes());
}

constexpr std::string_view k_nine = "0900000000000000000000000000000000000000000000000000000000000000";

TEST(X25519, GivesTheVectorsOfRfc7748) {
  EXPECT_EQ(x25519("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                   "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(x25519("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                   "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST(X25519, GivesTheIteratedVectorsOfRfc7748) {
  std::string k(k_nine);
  std::string u(k_nine);
  for (int i = 1; i <= 1000; ++i) {
    u = std::exchange(k, x25519(k, u));
    if (i == 1) {
      EXPECT_EQ(k, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST(X25519, BothSidesShareTheSecretOfRfc7748) {
  const auto alice = secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const auto bob = secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(x25519_public_key(alice)), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(x25519_public_key(bob)), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto shared = x25519_shared(alice, x25519_public_key(bob));
  ASSERT_TRUE(shared);
  EXPECT_EQ(to_hex(shared->bytes()), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_TRUE(*shared == x25519_shared(bob, x25519_public_key(alice)));
}

TEST(X25519, APublicKeyIsTheProductWithNine) {
  const auto key = secret("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  EXPECT_EQ(to_hex(x25519_public_key(key)), to_hex(x25519_shared(key, point(k_nine)).value().bytes()));
}

// The points of small order, RFC 7748 section 6.1: whoever sends one knows the shared secret.
TEST(X25519, ASharedSecretOfZerosIsNone) {
  const auto key = secret("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  for (const std::string_view order : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "0000000000000000000000000000000000000000000000000000000000000080",
       }) {
    EXPECT_FALSE(x25519_shared(key, point(order))) << order;
  }
}

}  // namespace
}  // namespace modelfloat::crypto
