#pragma once
// FastCDC (Xia and others, USENIX ATC 2016, with normalised chunking): finds cuts by content, so
// that an inserted byte changes few of them.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "modelfloat/base/bytes.h"

namespace modelfloat::fragment {

// Cuts are unlikely before `normal` bytes and likely after: the mask has more one bits before
// `normal` than after it.
struct CutSizes {
  std::size_t min = 0;
  std::size_t normal = 0;
  std::size_t max = 0;
  unsigned bits_before_normal = 0;
  unsigned bits_after_normal = 0;
};

// Headers and other text: 64 KiB on average.
constexpr CutSizes k_header_cuts{16U << 10, 64U << 10, 256U << 10, 18, 14};
// Files of unknown format. The average is about 0.75 MiB, as near to the limit of 1 MiB as
// content-defined cuts can be.
constexpr CutSizes k_data_cuts{256U << 10, 768U << 10, 1U << 20, 21, 16};

// Finds the end of one piece. After the minimum size, a cut depends only on the 64 bytes before
// it.
class BoundarySearch {
 public:
  explicit BoundarySearch(const CutSizes& sizes) : sizes_(sizes) {}

  // Returns the length of the piece; nullopt when its end is not within these bytes. `piece` are
  // the bytes known so far, from the start of the piece. Each further call must pass the same
  // bytes and more.
  std::optional<std::size_t> find_end(ByteSpan piece);

 private:
  std::optional<std::size_t> scan(ByteSpan piece, std::size_t end, unsigned bits);

  CutSizes sizes_;
  std::size_t position_ = 0;  // the next byte to look at
  std::uint64_t hash_ = 0;
};

}  // namespace modelfloat::fragment
