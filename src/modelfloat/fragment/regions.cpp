#include "modelfloat/fragment/regions.h"

#include <algorithm>

namespace modelfloat::fragment {
namespace {

std::uint64_t padded(std::uint64_t end, std::uint64_t alignment) {
  const auto up = checked_add(end, alignment - 1);
  return up ? *up / alignment * alignment : end;
}

Region content_defined_until(std::uint64_t end, const CutSizes& cuts) {
  Region region;
  region.end = end;
  region.cuts = cuts;
  return region;
}

// A run of tensors from `begin` on that becomes one region.
struct Group {
  std::uint64_t begin = 0;
  // What must not be cut: a block, or a byte where the dtype is not known.
  std::uint32_t unit_bytes = 1;
  Region region;

  // A tensor [offset, end) may join while all fits into one piece and its blocks keep their places.
  bool takes(const Tensor& tensor, std::uint64_t end) const {
    return tensor.dtype == region.dtype && end - begin <= region.piece_bytes &&
           (tensor.offset - begin) % unit_bytes == 0;
  }
};

Group group_of(const Tensor& tensor) {
  Group group;
  group.begin = tensor.offset;
  const auto block = dtype_block(tensor.dtype);
  group.unit_bytes = block.value_or(DtypeBlock{}).bytes;
  group.region.block_bytes = block ? block->bytes : 0;
  group.region.piece_bytes = k_max_fragment_bytes - k_max_fragment_bytes % group.unit_bytes;
  group.region.dtype = tensor.dtype;
  return group;
}

}  // namespace

std::vector<Region> fixed_regions() {
  Region region;
  region.piece_bytes = k_max_fragment_bytes;
  return {region};
}

std::vector<Region> content_defined_regions() { return {content_defined_until(Region::k_to_the_end, k_data_cuts)}; }

std::vector<Region> tensor_regions(const formats::FileLayout& layout) {
  std::vector<Region> regions;
  std::optional<Group> group;
  const auto& tensors = layout.tensors;
  // What lies before the first tensor belongs to the header, also where a GGUF leaves a gap there.
  const auto header_end = tensors.empty() ? layout.header_bytes : tensors.front().offset;
  if (header_end > 0) regions.push_back(content_defined_until(header_end, k_header_cuts));

  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& tensor = tensors[i];
    const auto end =
        i + 1 < tensors.size() ? tensors[i + 1].offset : padded(tensor.offset + tensor.length_bytes, layout.alignment);
    if (end == tensor.offset) continue;
    if (!group || !group->takes(tensor, end)) {
      if (group) regions.push_back(group->region);
      group = group_of(tensor);
    }
    group->region.end = end;
  }
  if (group) regions.push_back(group->region);
  regions.push_back(content_defined_until(Region::k_to_the_end, k_data_cuts));
  return regions;
}

}  // namespace modelfloat::fragment
