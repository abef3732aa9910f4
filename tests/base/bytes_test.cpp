#include "modelfloat/base/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace modelfloat {
namespace {

TEST(BytesTest, NumbersAreLittleEndian) {
  std::array<std::byte, 8> place{};
  store_le<std::uint32_t>(place, 0x01020304);
  EXPECT_EQ(place, (std::array{std::byte{4}, std::byte{3}, std::byte{2}, std::byte{1}, std::byte{}, std::byte{},
                               std::byte{}, std::byte{}}));
  EXPECT_EQ(load_le<std::uint16_t>(place), 0x0304);
  EXPECT_EQ(load_le<std::uint64_t>(place), 0x01020304U);
}

template <typename T>
void check_round_trip() {
  EXPECT_TRUE(rc::check([](T value) {
    std::array<std::byte, sizeof(T)> place;
    store_le(MutableByteSpan(place), value);
    RC_ASSERT(load_le<T>(place) == value);
  }));
}

TEST(BytesTest, NumbersComeBack) {
  check_round_trip<std::uint8_t>();
  check_round_trip<std::uint16_t>();
  check_round_trip<std::uint32_t>();
  check_round_trip<std::uint64_t>();
}

TEST(BytesTest, SumsAndProductsDoNotWrap) {
  EXPECT_EQ(checked_add(UINT64_MAX - 1, 1), UINT64_MAX);
  EXPECT_FALSE(checked_add(UINT64_MAX, 1));
  EXPECT_EQ(checked_multiply(UINT64_MAX, 1), UINT64_MAX);
  EXPECT_EQ(checked_multiply(UINT64_MAX, 0), 0U);
  EXPECT_EQ(checked_multiply(0xffffffff, 0x100000001), UINT64_MAX);
  EXPECT_FALSE(checked_multiply(std::uint64_t{1} << 32, std::uint64_t{1} << 32));
}

TEST(BytesTest, EqualityIsOfLengthAndContent) {
  EXPECT_TRUE(equal({}, {}));
  EXPECT_TRUE(equal(as_bytes("ab"), as_bytes("ab")));
  EXPECT_FALSE(equal(as_bytes("ab"), as_bytes("ac")));
  EXPECT_FALSE(equal(as_bytes("ab"), as_bytes("abc")));
}

TEST(BytesTest, TextAndBack) {
  const std::string_view text("a\0\xff", 3);
  EXPECT_EQ(as_text(to_bytes(text)), text);
  Bytes bytes = to_bytes("a");
  append(bytes, as_bytes("bc"));
  append(bytes, {});
  EXPECT_EQ(as_text(bytes), "abc");
}

TEST(BytesTest, ZerosWhereTheyAreAskedFor) {
  const Bytes zeros(1000, std::byte{0});
  for (const std::byte byte : zeros) EXPECT_EQ(byte, std::byte{0});
}

}  // namespace
}  // namespace modelfloat
