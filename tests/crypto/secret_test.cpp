#include "modelfloat/crypto/secret.h"

#include <new>
#include <ostream>
#include <type_traits>

#include <gtest/gtest.h>

namespace modelfloat::crypto {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<SecretKey> && !Printable<SecretBytes>);
static_assert(std::is_copy_constructible_v<SecretKey> && !std::is_default_constructible_v<SecretKey>);

class CountingRandom final : public Random {
 public:
  void fill(MutableByteSpan bytes) override {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(++last_);
  }

 private:
  unsigned char last_ = 0;
};

TEST(SecretKey, HoldsWhatItWasGivenAndCompares) {
  CountingRandom random;
  const SecretKey first = SecretKey::random(random);
  const SecretKey second = SecretKey::random(random);
  EXPECT_EQ(first.bytes()[0], std::byte{1});
  EXPECT_EQ(first.bytes()[31], std::byte{32});
  EXPECT_FALSE(first == second);
  EXPECT_TRUE(SecretKey(first) == first);
  EXPECT_TRUE(SecretKey(second.bytes()) == second);
}

// Built into memory of the test's own, so that it may look at the place after the key is gone.
TEST(SecretKey, IsWipedWhenItIsDestroyed) {
  alignas(SecretKey) std::array<std::byte, sizeof(SecretKey)> place;
  CountingRandom random;
  auto* key = new (place.data()) SecretKey(SecretKey::random(random));
  EXPECT_EQ(place[5], std::byte{6});
  std::destroy_at(key);
  for (const std::byte byte : place) EXPECT_EQ(std::launder(&byte)[0], std::byte{0});
}

TEST(SecretBytes, CopiesMovesAndCompares) {
  SecretBytes first(std::string_view("correct horse"));
  SecretBytes copy = first;
  EXPECT_TRUE(copy == first);
  const SecretBytes moved = std::move(copy);
  EXPECT_TRUE(moved == first);
  EXPECT_TRUE(copy.empty());  // NOLINT(bugprone-use-after-move): the contract says what is left
  first = SecretBytes(std::string_view("battery"));
  EXPECT_FALSE(moved == first);
  EXPECT_EQ(as_text(first.bytes()), "battery");
  EXPECT_TRUE(SecretBytes().empty());
  EXPECT_EQ(as_text(SecretBytes(to_bytes("taken over")).bytes()), "taken over");
}

TEST(ConstantTime, ComparesEveryByteAndTheLength) {
  const Bytes bytes = to_bytes("0123456789abcdef");
  EXPECT_TRUE(equal_in_constant_time(bytes, bytes));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  EXPECT_FALSE(equal_in_constant_time(bytes, ByteSpan(bytes).first(15)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes other = bytes;
    other[i] ^= std::byte{1};
    EXPECT_FALSE(equal_in_constant_time(bytes, other)) << i;
  }
}

TEST(Wipe, LeavesZeros) {
  Bytes bytes = to_bytes("secret");
  wipe(bytes);
  EXPECT_EQ(bytes, Bytes(6, std::byte{0}));
  wipe({});
}

}  // namespace
}  // namespace modelfloat::crypto
