#include "modelfloat/base/printable.h"

#include <gtest/gtest.h>

namespace modelfloat {
namespace {

TEST(Printable, TakesWhatRewritesATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\nc\td\x7f"), "a?[2Jb??c?d?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m \xc3\xa9 \xc2\xa0"),
            "?1m \xc3\xa9 \xc2\xa0");
  EXPECT_EQ(printable("cut \xc2"), "cut ?");
}

TEST(Printable, LinesKeepTheirEndsAndTabs) {
  EXPECT_EQ(printable_lines("a\tb\n\x1b"
                            "c\r\n"),
            "a\tb\n?c?\n");
}

TEST(Printable, EscapesLoseNothing) {
  EXPECT_EQ(escaped("a\\b\x1b\n\xc3\xa9"), "a\\\\b\\x1b\\x0a\xc3\xa9");
  EXPECT_EQ(escaped("\xc2\x9b|\xe2\x80\xae|\xc2\xa0"), "\\xc2\\x9b|\\xe2\\x80\\xae|\xc2\xa0");
  EXPECT_EQ(escaped("\xc3\xa9\xff"), "\\xc3\\xa9\\xff");
}

}  // namespace
}  // namespace modelfloat
