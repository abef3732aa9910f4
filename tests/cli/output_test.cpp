#include "modelfloat/cli/output.h"

#include <gtest/gtest.h>

namespace modelfloat::cli {
namespace {

TEST(UnfinishedBytes, AreThoseOfACharacterThatHasBegun) {
  EXPECT_EQ(unfinished_bytes(""), 0U);
  EXPECT_EQ(unfinished_bytes("abc"), 0U);
  EXPECT_EQ(unfinished_bytes("a\xc3"), 1U);
  EXPECT_EQ(unfinished_bytes("\xc3\xbc"), 0U);
  EXPECT_EQ(unfinished_bytes("a\xe6\xa8"), 2U);
  EXPECT_EQ(unfinished_bytes("\xf0\x9f\x98"), 3U);
  EXPECT_EQ(unfinished_bytes("\xf0\x9f\x98\x80"), 0U);
  EXPECT_EQ(unfinished_bytes("\x80\x80\x80\x80"), 0U);
}

TEST(Table, AlignsItsColumns) {
  Table table({"NAME", ">SIZE", "TAG"});
  table.add({"a", "1 B", "latest"});
  table.add({"longer", "98.4 MB", "-"});
  EXPECT_EQ(table.text(),
            "NAME       SIZE  TAG\n"
            "a           1 B  latest\n"
            "longer  98.4 MB  -\n");
}

TEST(Table, CountsCharactersAndNotBytes) {
  Table table({"NAME", "X"});
  table.add(
      {"Gr\xc3\xbc\xc3\x9f"
       "e",
       "1"});
  EXPECT_EQ(table.text(),
            "NAME   X\nGr\xc3\xbc\xc3\x9f"
            "e  1\n");
}

TEST(Table, DoesNotLetACellRewriteTheTerminal) {
  Table table({"NAME"});
  table.add({"\x1b[31m\r\n"});
  EXPECT_EQ(table.text(), "NAME\n?[31m??\n");
}

TEST(Table, FillsShortRows) {
  Table table({"A", "B"});
  EXPECT_TRUE(table.empty());
  table.add({"only"});
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(table.text(), "A     B\nonly\n");
}

}  // namespace
}  // namespace modelfloat::cli
