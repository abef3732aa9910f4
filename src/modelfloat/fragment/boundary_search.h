#pragma once
// FastCDC (Xia and others, USENIX ATC 2016, with normalised chunking): where to cut so that an
// inserted byte moves few cuts.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "modelfloat/base/bytes.h"

namespace modelfloat::fragment {

// A cut is likely from `normal` on and unlikely before: the masks have more one bits before it than
// after it.
struct CutSizes {
  std::size_t min = 0;
  std::size_t normal = 0;
  std::size_t max = 0;
  unsigned bits_before_normal = 0;
  unsigned bits_after_normal = 0;
};

// Headers and other text: 64 KiB on average.
constexpr CutSizes k_header_cuts{16U << 10, 64U << 10, 256U << 10, 18, 14};
// Files that we don't understand: as near to 1 MiB on average as the limit of 1 MiB lets a
// content-defined cut be (some 0.75 MiB).
constexpr CutSizes k_data_cuts{256U << 10, 768U << 10, 1U << 20, 21, 16};

// Finds the end of one piece. A cut depends on the 64 bytes before it alone, once the piece has its
// minimum.
class BoundarySearch {
 public:
  explicit BoundarySearch(const CutSizes& sizes) : sizes_(sizes) {}

  // `piece` is what is there of the piece, from its start; each call gives the same bytes and more.
  // The length of the piece, or nothing when its end is not among these bytes.
  std::optional<std::size_t> find_end(ByteSpan piece);

 private:
  std::optional<std::size_t> scan(ByteSpan piece, std::size_t end, unsigned bits);

  CutSizes sizes_;
  std::size_t position_ = 0;  // the next byte to look at
  std::uint64_t hash_ = 0;
};

}  // namespace modelfloat::fragment
