#include "modelfloat/cli/progress.h"

#include <gtest/gtest.h>

namespace modelfloat::cli {
namespace {

TEST(ProgressText, SaysHowFarAndHowFast) {
  EXPECT_EQ(progress_text("pushing", 50'000'000, 100'000'000, 0.5, 80),
            "pushing  50.0 MB of 100 MB  50 %  100 MB/s  0.50 s left");
}

TEST(ProgressText, WithoutATotalSaysWhatItKnows) {
  EXPECT_EQ(progress_text("pushing", 50'000'000, std::nullopt, 0.5, 80), "pushing  50.0 MB  100 MB/s");
}

TEST(ProgressText, IsNeverWiderThanTheTerminal) {
  for (std::size_t width = 0; width < 60; ++width) {
    EXPECT_LE(progress_text("pulling library/model", 7, 11, 0.1, width).size(), width);
  }
}

TEST(ProgressText, StandsOddNumbers) {
  EXPECT_EQ(progress_text("x", 0, 0, 0, 80), "x  0 B of 0 B  100 %");
  EXPECT_EQ(progress_text("x", 20, 10, 0, 80), "x  10 B of 10 B  100 %");
}

}  // namespace
}  // namespace modelfloat::cli
