#include "modelfloat/base/utf8.h"

#include <gtest/gtest.h>

namespace modelfloat {
namespace {

TEST(Utf8, TakesTheShortestFormAndNoSurrogates) {
  for (const auto* good : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const auto* bad : {"\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe1\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "ok\xff"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(Utf8, ASequenceIsAsLongAsItsFirstByteSays) {
  EXPECT_EQ(utf8_sequence("\xe2\x82\xac rest"), 3U);
  EXPECT_EQ(utf8_sequence("a\xff"), 1U);
  EXPECT_EQ(utf8_sequence("\xe2\x82"), 0U);
  EXPECT_EQ(utf8_sequence(""), 0U);
}

}  // namespace
}  // namespace modelfloat
