#include "modelfloat/fragment/regions.h"

#include <gtest/gtest.h>

namespace modelfloat::fragment {
namespace {

constexpr std::uint64_t k_mib = 1U << 20;

formats::FileLayout layout_with(std::vector<Tensor> tensors) {
  formats::FileLayout layout;
  layout.format = "gguf";
  layout.header_bytes = 1000;
  layout.alignment = 32;
  layout.tensors = std::move(tensors);
  return layout;
}

// {end, piece size} of the regions between header and tail.
using Ends = std::vector<std::pair<std::uint64_t, std::size_t>>;
Ends tensor_ends(std::vector<Tensor> tensors) {
  const auto regions = tensor_regions(layout_with(std::move(tensors)));
  EXPECT_EQ(regions.front().end, 1000U);
  EXPECT_EQ(regions.front().piece_bytes, 0U);
  EXPECT_EQ(regions.back().end, Region::k_to_the_end);
  EXPECT_EQ(regions.back().piece_bytes, 0U);
  Ends ends;
  for (std::size_t i = 1; i + 1 < regions.size(); ++i) ends.emplace_back(regions[i].end, regions[i].piece_bytes);
  return ends;
}

TEST(TensorRegions, PackSmallNeighboursOfOneDtype) {
  EXPECT_EQ(tensor_ends({{"a", "F32", {}, 1000, 400}, {"b", "F32", {}, 1400, 600}, {"c", "F32", {}, 2000, 48}}),
            (Ends{{2048, k_mib}}));
}

TEST(TensorRegions, NeverPackMoreThanOneFragment) {
  const auto half = k_mib / 2;
  EXPECT_EQ(
      tensor_ends(
          {{"a", "F32", {}, 1000, half}, {"b", "F32", {}, 1000 + half, half}, {"c", "F32", {}, 1000 + k_mib, 32}}),
      (Ends{{1000 + k_mib, k_mib}, {1056 + k_mib, k_mib}}));
}

TEST(TensorRegions, StartABigTensorAndTheOneBehindItAnew) {
  const auto big = 3 * k_mib;
  EXPECT_EQ(tensor_ends({{"a", "F16", {}, 1000, 24}, {"big", "F16", {}, 1024, big}, {"c", "F16", {}, 1024 + big, 32}}),
            (Ends{{1024, k_mib}, {1024 + big, k_mib}, {1024 + big + 32, k_mib}}));
}

TEST(TensorRegions, KeepDtypesApart) {
  EXPECT_EQ(tensor_ends({{"a", "F32", {}, 1000, 400}, {"b", "F16", {}, 1400, 600}}).size(), 2U);
}

TEST(TensorRegions, CutQuantisedTensorsBetweenTheirBlocks) {
  const auto ends = tensor_ends({{"a", "Q4_1", {}, 1000, 2'000'000}});
  EXPECT_EQ(ends.front().second, 1'048'560U);
  EXPECT_EQ(ends.front().second % 20, 0U);
}

TEST(TensorRegions, DoNotPackWhereThePaddingBreaksTheBlocks) {
  // Q8_0 has 34 bytes a block: the second tensor begins 64 bytes behind the first.
  EXPECT_EQ(tensor_ends({{"a", "Q8_0", {}, 1000, 34}, {"b", "Q8_0", {}, 1064, 34}}).size(), 2U);
}

TEST(TensorRegions, SkipTensorsWithoutBytesAndGivePaddingToTheTensorBefore) {
  EXPECT_EQ(tensor_ends({{"none", "F32", {}, 1000, 0}, {"a", "F32", {}, 1000, 4}, {"b", "I64", {}, 1032, 8}}),
            (Ends{{1032, k_mib}, {1056, k_mib}}));
}

TEST(TensorRegions, SurviveOffsetsAtTheEndOfTheNumberRange) {
  const auto regions = tensor_regions(layout_with({{"a", "F32", {}, UINT64_MAX - 8, 4}}));
  EXPECT_EQ(regions.back().end, Region::k_to_the_end);
}

}  // namespace
}  // namespace modelfloat::fragment
