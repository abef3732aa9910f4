#pragma once
// How a file is cut: consecutive regions, each with its own method of cutting.

#include <cstdint>
#include <string>
#include <vector>

#include "modelfloat/domain/fragment.h"
#include "modelfloat/formats/layout.h"
#include "modelfloat/fragment/boundary_search.h"

namespace modelfloat::fragment {

// No fragment crosses the end of a region.
struct Region {
  static constexpr std::uint64_t k_to_the_end = UINT64_MAX;

  std::uint64_t end = k_to_the_end;  // where the next region begins
  std::size_t piece_bytes =
      0;  // cut into pieces of this length, the last may be shorter; 0: content-defined, by `cuts`
  CutSizes cuts{};
  std::string dtype;              // of the tensors inside
  std::uint32_t block_bytes = 0;  // of that dtype; the region begins with a block; 0: not known

  bool operator==(const Region& other) const noexcept {
    return end == other.end && piece_bytes == other.piece_bytes && dtype == other.dtype;
  }
};

// One region: pieces of 1 MiB.
std::vector<Region> fixed_regions();

// One region: FastCDC.
std::vector<Region> content_defined_regions();

// For a layout with tensors. The header and the bytes after the last tensor are cut by FastCDC.
// Each tensor is cut from its own start, into pieces of as many whole blocks of its dtype as fit
// into 1 MiB (exactly 1 MiB for F32, F16, BF16). So codecs find the blocks at fixed positions.
// Adjacent tensors of the same dtype that together fit into one piece share it. The padding after
// a tensor belongs to its piece.
std::vector<Region> tensor_regions(const formats::FileLayout& layout);

}  // namespace modelfloat::fragment
