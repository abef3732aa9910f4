#include "modelfloat/fragment/fragment_reader.h"

#include <algorithm>
#include <utility>

#include "modelfloat/base/error.h"
#include "modelfloat/formats/read_layout.h"

namespace modelfloat::fragment {
namespace {

// How much is read at a time to find a content-defined cut. The bytes after the cut are copied,
// so this must not be too much.
constexpr std::size_t k_step_bytes = 64U << 10;

std::pair<std::string_view, std::vector<Region>> choose(const formats::FileLayout& layout, SplitChoice choice) {
  if (choice == SplitChoice::fixed) return {"fixed", fixed_regions()};
  if (choice == SplitChoice::automatic && layout.header_bytes > 0) return {"tensor", tensor_regions(layout)};
  return {"content-defined", content_defined_regions()};
}

}  // namespace

FragmentReader::FragmentReader(ByteSource& source, std::string_view path, SplitChoice choice)
    : path_(path), input_(source), layout_(formats::read_layout(input_, path)) {
  std::tie(cutter_, regions_) = choose(layout_, choice);
}

std::optional<Piece> FragmentReader::next() {
  if (finished_) return std::nullopt;
  while (regions_[region_].end == offset_) ++region_;
  const auto& region = regions_[region_];
  Piece piece;
  piece.offset = offset_;
  piece.shape = shape_here();
  piece.bytes = region.piece_bytes > 0 ? cut_exactly(region) : cut_by_content(region);
  offset_ += piece.bytes.size();
  if (piece.bytes.empty()) finish();
  const auto promised = input_.size_bytes();
  if (promised && (finished_ ? offset_ != *promised : offset_ > *promised)) {
    throw Error(ErrorKind::invalid, path_,
                "the source gave other than the " + std::to_string(*promised) + " bytes that it promised");
  }
  if (finished_) return std::nullopt;
  return piece;
}

// Of the piece that begins at offset_.
FragmentShape FragmentReader::shape_here() const {
  const Region& region = regions_[region_];
  const std::uint64_t begin = region_ == 0 ? 0 : regions_[region_ - 1].end;
  FragmentShape shape{.dtype = region.dtype, .phase = std::nullopt};
  if (region.block_bytes > 0) shape.phase = static_cast<std::uint32_t>((offset_ - begin) % region.block_bytes);
  return shape;
}

// The maximum length of the next piece, at most `limit`. It allows one byte more than the source
// announced, to notice a source that is longer.
std::size_t FragmentReader::room_in(const Region& region, std::size_t limit) const {
  auto room = std::min<std::uint64_t>(limit, region.end - offset_);
  if (const auto size = input_.size_bytes(); size && *size >= offset_) room = std::min(room, *size - offset_ + 1);
  return room;
}

Bytes FragmentReader::cut_exactly(const Region& region) {
  Bytes bytes(room_in(region, region.piece_bytes));
  bytes.resize(input_.read(bytes));
  return bytes;
}

Bytes FragmentReader::cut_by_content(const Region& region) {
  const auto room = room_in(region, region.cuts.max);
  BoundarySearch search(region.cuts);
  Bytes bytes;
  bytes.reserve(room);
  while (bytes.size() < room) {
    const auto before = bytes.size();
    const auto step = before < region.cuts.min ? region.cuts.min - before : k_step_bytes;
    bytes.resize(before + std::min(step, room - before));
    bytes.resize(before + input_.read(MutableByteSpan(bytes).subspan(before)));
    if (bytes.size() == before) break;
    if (const auto end = search.find_end(bytes)) {
      input_.unread(ByteSpan(bytes).subspan(*end));
      bytes.resize(*end);
      break;
    }
  }
  return bytes;
}

// With a known size the parsers have checked the same.
void FragmentReader::finish() {
  finished_ = true;
  if (layout_.tensors.empty() && !layout_.ends_with_last_tensor) return;
  const auto end = layout_.tensors.empty() ? layout_.header_bytes
                                           : layout_.tensors.back().offset + layout_.tensors.back().length_bytes;
  if (offset_ < end) distrust("the tensors do not end inside the file, which may have been cut off: download it again");
  if (layout_.ends_with_last_tensor && offset_ > end) distrust("bytes follow the last tensor");
}

void FragmentReader::distrust(std::string reason) {
  auto trouble = "cannot be used as " + layout_.format + ": " + std::move(reason);
  layout_ = formats::FileLayout();
  layout_.trouble = std::move(trouble);
}

}  // namespace modelfloat::fragment
