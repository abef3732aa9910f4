#include "modelfloat/fragment/boundary_search.h"

#include <vector>

#include "support/model_files.h"
#include <gtest/gtest.h>

namespace modelfloat::fragment {
namespace {

std::vector<std::size_t> lengths_of(ByteSpan data, const CutSizes& sizes, std::size_t step) {
  std::vector<std::size_t> lengths;
  while (!data.empty()) {
    BoundarySearch search(sizes);
    std::optional<std::size_t> end;
    for (std::size_t seen = 0; seen < data.size() && !end;) {
      seen = std::min(data.size(), seen + step);
      end = search.find_end(data.first(seen));
    }
    lengths.push_back(end.value_or(data.size()));
    data = data.subspan(lengths.back());
  }
  return lengths;
}

TEST(BoundarySearch, CutsTheSameHoweverTheBytesCome) {
  const auto data = test::noise(3'000'000, 1);
  const auto whole = lengths_of(data, k_header_cuts, data.size());
  EXPECT_EQ(lengths_of(data, k_header_cuts, 1), whole);
  EXPECT_EQ(lengths_of(data, k_header_cuts, 4096), whole);
}

TEST(BoundarySearch, KeepsItsBoundsAndItsAverage) {
  for (const auto& sizes : {k_header_cuts, k_data_cuts}) {
    const auto data = test::noise(64 * sizes.max, 2);
    const auto lengths = lengths_of(data, sizes, sizes.max);
    for (std::size_t i = 0; i + 1 < lengths.size(); ++i) {
      EXPECT_GE(lengths[i], sizes.min);
      EXPECT_LE(lengths[i], sizes.max);
    }
    const auto average = data.size() / lengths.size();
    EXPECT_GT(average, sizes.normal * 8 / 10);
    EXPECT_LT(average, sizes.normal * 12 / 10);
  }
}

TEST(BoundarySearch, CutsEqualBytesAtTheMaximum) {
  const Bytes zeros(1'000'000, std::byte{0});
  const auto lengths = lengths_of(zeros, k_header_cuts, 10'000);
  EXPECT_EQ(lengths.front(), k_header_cuts.max);
}

// Where these lie is a promise: fragments in old pools are found again only while it holds.
TEST(BoundarySearch, CutsWhereItAlwaysDid) {
  const auto data = test::noise(400'000, 3);
  const std::vector<std::size_t> expected = {72385, 114850, 41427, 38330, 71844, 61164};
  EXPECT_EQ(lengths_of(data, k_header_cuts, data.size()), expected);
}

}  // namespace
}  // namespace modelfloat::fragment
