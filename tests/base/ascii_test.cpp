#include "modelfloat/base/ascii.h"

#include <gtest/gtest.h>

namespace modelfloat {
namespace {

TEST(Ascii, LowersOnlyAsciiLetters) {
  EXPECT_EQ(lower_case("AZ@[az{09"), "az@[az{09");
  EXPECT_EQ(lower_case("\xc3\x84"), "\xc3\x84");  // Ä in UTF-8 stays as it is
}

TEST(Ascii, ComparesWithoutCase) {
  EXPECT_TRUE(equal_ignoring_case("Content-TYPE", "content-type"));
  EXPECT_FALSE(equal_ignoring_case("content", "content-type"));
  EXPECT_FALSE(equal_ignoring_case("content-type", "content"));
  EXPECT_FALSE(equal_ignoring_case("@", "`"));  // as far apart as A and a
}

TEST(Ascii, TrimsBothEndsOnly) {
  EXPECT_EQ(trimmed("\r\n a b\t"), "a b");
  EXPECT_EQ(trimmed(" \t"), "");
  EXPECT_EQ(trimmed("\ra ", " "), "\ra");
}

}  // namespace
}  // namespace modelfloat
