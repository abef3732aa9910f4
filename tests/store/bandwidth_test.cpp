#include "modelfloat/store/wrap/bandwidth.h"

#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::store {
namespace {

TEST(Bandwidth, IsWrittenAsRcloneDoes) {
  const auto parse = [](std::string_view text) { return parse_bandwidth(text, "--bwlimit"); };
  EXPECT_EQ(parse("10M"), (Bandwidth{10U << 20, 10U << 20}));
  EXPECT_EQ(parse("10M:2M"), (Bandwidth{10U << 20, 2U << 20}));
  EXPECT_EQ(parse("off:100k"), (Bandwidth{0, 100U << 10}));
  EXPECT_EQ(parse("512"), (Bandwidth{512U << 10, 512U << 10}));
  EXPECT_EQ(parse("512B"), (Bandwidth{512, 512}));
  EXPECT_EQ(parse("1.5m:off"), (Bandwidth{3U << 19, 0}));
  EXPECT_EQ(parse("off"), Bandwidth());
  EXPECT_EQ(parse("0"), Bandwidth());
}

TEST(Bandwidth, RefusesEverythingElse) {
  for (const std::string_view text : {"", ":", "M", "10X", "10MB", "-1M", "10M:", ":2M", "1M:2M:3M", "nan", "inf",
                                      "1e3", "0.0001B", "999999999999T", " 1M"}) {
    EXPECT_THROW(parse_bandwidth(text, "--bwlimit"), Error) << text;
  }
}

}  // namespace
}  // namespace modelfloat::store
