#include "modelfloat/base/hex.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace modelfloat {
namespace {

TEST(Hex, KnownValues) {
  EXPECT_EQ(to_hex({}), "");
  EXPECT_EQ(to_hex(as_bytes(std::string_view("\x00\x0f\xf0\xff", 4))), "000ff0ff");
  EXPECT_EQ(from_hex("000fF0Ff"), to_bytes(std::string_view("\x00\x0f\xf0\xff", 4)));
  EXPECT_EQ(from_hex(""), Bytes());
}

TEST(Hex, RefusesOddLengthsAndOtherCharacters) {
  for (const char* text : {"0", "000", "0g", "g0", " 00", "0x", "-1", "/0", ":0", "@0", "`0", "0G"})
    EXPECT_FALSE(from_hex(text)) << text;
}

TEST(Hex, AnArrayTakesItsSizeOnly) {
  EXPECT_EQ(array_from_hex<2>("0102"), (std::array{std::byte{1}, std::byte{2}}));
  EXPECT_FALSE(array_from_hex<2>("010203"));
  EXPECT_FALSE(array_from_hex<2>("01"));
  EXPECT_FALSE(array_from_hex<2>("01zz"));
}

// RFC 4648 section 10, in lower case and without padding.
TEST(Base32, VectorsOfTheRfc) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "my"},
                                                                   {"fo", "mzxq"},
                                                                   {"foo", "mzxw6"},
                                                                   {"foob", "mzxw6yq"},
                                                                   {"fooba", "mzxw6ytb"},
                                                                   {"foobar", "mzxw6ytboi"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(to_base32(as_bytes(plain)), text);
    EXPECT_EQ(from_base32(text), to_bytes(plain));
  }
  EXPECT_EQ(from_base32("MZXW6"), to_bytes("foo"));
}

TEST(Base32, RefusesOtherCharactersAndLeftoverBits) {
  for (const char* text : {"m", "mz1w6", "mz0w6", "mz8w6", "my=", "m y", "mz", "mzxw7", "mzx"})
    EXPECT_FALSE(from_base32(text)) << text;
}

// RFC 4648, section 10.
TEST(Base64, IsTheOneOfTheRfc) {
  const std::vector<std::pair<std::string_view, std::string_view>> vectors = {{"", ""},
                                                                              {"f", "Zg=="},
                                                                              {"fo", "Zm8="},
                                                                              {"foo", "Zm9v"},
                                                                              {"foob", "Zm9vYg=="},
                                                                              {"fooba", "Zm9vYmE="},
                                                                              {"foobar", "Zm9vYmFy"},
                                                                              {"\xfb\xff\xfe", "+//+"}};
  for (const auto& [plain, text] : vectors) EXPECT_EQ(to_base64(as_bytes(plain)), text);
}

TEST(Base64Url, WritesTheVectorsOfTheRfc) {
  EXPECT_EQ(to_base64url(as_bytes("")), "");
  EXPECT_EQ(to_base64url(as_bytes("f")), "Zg");
  EXPECT_EQ(to_base64url(as_bytes("fo")), "Zm8");
  EXPECT_EQ(to_base64url(as_bytes("foo")), "Zm9v");
  EXPECT_EQ(to_base64url(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(to_base64url(as_bytes("\xfb\xff\xfe")), "-__-");
}

TEST(HexAndBase32, GiveBackAnyBytes) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const Bytes bytes = to_bytes(text);
    RC_ASSERT(from_hex(to_hex(bytes)) == bytes);
    RC_ASSERT(from_base32(to_base32(bytes)) == bytes);
  }));
}

}  // namespace
}  // namespace modelfloat
