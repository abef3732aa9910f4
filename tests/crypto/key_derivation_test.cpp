#include "modelfloat/crypto/key_derivation.h"

#include <array>

#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::crypto {
namespace {

using test::kind_thrown;

Bytes counting(unsigned from, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(from + i);
  return bytes;
}

std::string hkdf(ByteSpan input_key, ByteSpan salt, ByteSpan info, std::size_t size) {
  Bytes out(size);
  hkdf_sha256(input_key, salt, info, out);
  return to_hex(out);
}

TEST(Hkdf, GivesTheVectorsOfRfc5869) {
  EXPECT_EQ(hkdf(Bytes(22, std::byte{0x0b}), counting(0, 13), counting(0xf0, 10), 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(
      hkdf(counting(0, 80), counting(0x60, 80), counting(0xb0, 80), 82),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f"
      "09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(hkdf(Bytes(22, std::byte{0x0b}), {}, {}, 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Hkdf, MakesAKeyOfTheFirst32Bytes) {
  const SecretKey key = hkdf_sha256_key(Bytes(22, std::byte{0x0b}), counting(0, 13), counting(0xf0, 10));
  EXPECT_EQ(to_hex(key.bytes()), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

TEST(Hkdf, RefusesImpossibleLengths) {
  Bytes most(8160);
  EXPECT_NO_THROW(hkdf_sha256(as_bytes("k"), {}, {}, most));
  Bytes too_many(8161);
  EXPECT_EQ(kind_thrown([&] { hkdf_sha256(as_bytes("k"), {}, {}, too_many); }), ErrorKind::internal);
  EXPECT_EQ(kind_thrown([&] { hkdf_sha256(as_bytes("k"), {}, {}, {}); }), ErrorKind::internal);
}

struct Argon2Vector {
  std::string_view passphrase;
  std::string_view salt_hex;
  std::uint64_t memory_kib;
  std::uint32_t passes;
  std::string_view key;
};

// Made with OpenSSL 4's Argon2id, one lane: an implementation other than the one that is tested.
TEST(Argon2id, AgreesWithAnotherImplementation) {
  const Argon2Vector vectors[] = {
      {"password", "000102030405060708090a0b0c0d0e0f", 8, 1,
       "3a008963c65f7ffa7331a90babd1fd17ea9f03bd05356b857ceb43f7b7080adc"},
      {"password", "000102030405060708090a0b0c0d0e0f", 64, 3,
       "b06bcf7d2d3ae0a0e060f75fc78cc0082e6196baab3e422cbe3cc0c807f76c0d"},
      {"", "30313233343536373839616263646566", 1024, 2,
       "573c51db6a633f931b6ffc71fbde10e33b688b88bcfa4963803e8f59c84a9b1e"},
  };
  for (const Argon2Vector& vector : vectors) {
    const auto salt = array_from_hex<16>(vector.salt_hex).value();
    EXPECT_EQ(to_hex(argon2id(SecretBytes(vector.passphrase), salt, vector.memory_kib, vector.passes).bytes()),
              vector.key);
  }
}

TEST(Argon2id, RefusesCostsOutsideItsBounds) {
  const auto attempt = [](std::uint64_t memory_kib, std::uint32_t passes) {
    return kind_thrown([&] {
      const std::array<std::byte, 16> salt{};
      argon2id(SecretBytes(std::string_view("p")), salt, memory_kib, passes);
    });
  };
  EXPECT_EQ(attempt(8, 1), std::nullopt);
  EXPECT_EQ(attempt(8, 10), std::nullopt);
  EXPECT_EQ(attempt(1024 * 1024 + 1, 1), ErrorKind::unsupported);
  EXPECT_EQ(attempt(UINT64_MAX, 1), ErrorKind::unsupported);
  // 2^64 when counted in bytes.
  EXPECT_EQ(attempt(std::uint64_t{1} << 54, 1), ErrorKind::unsupported);
  EXPECT_EQ(attempt(8, 11), ErrorKind::unsupported);
  EXPECT_EQ(attempt(7, 1), ErrorKind::invalid);
  EXPECT_EQ(attempt(8, 0), ErrorKind::invalid);
}

}  // namespace
}  // namespace modelfloat::crypto
