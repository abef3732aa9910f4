#pragma once
// Streams one file as fragments.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/domain/fragment_shape.h"
#include "modelfloat/formats/layout.h"
#include "modelfloat/formats/peek_reader.h"
#include "modelfloat/fragment/regions.h"

namespace modelfloat::fragment {

// What the user asked for. `automatic` cuts along the tensors of a sound GGUF or safetensors file,
// and by content otherwise.
enum class SplitChoice { automatic, fixed, content_defined };

// The bytes of one fragment, 1 to k_max_fragment_bytes of them.
struct Piece {
  Bytes bytes;
  std::uint64_t offset = 0;  // in the file
  FragmentShape shape;
};

// Used by one thread; the source must outlive it. Memory is bounded by the limit on headers and
// one fragment. The cuts of a sound file do not depend on how many bytes the source returns at a
// time, nor on whether it knows its size.
class FragmentReader {
 public:
  // Reads the header. Throws only what the source throws.
  FragmentReader(ByteSource& source, std::string_view path, SplitChoice choice);

  // The next fragment; nullopt at the end. Throws Error{invalid} when the source has fewer or
  // more bytes than it announced, and what the source throws.
  std::optional<Piece> next();

  // The layout of the file. It is final only after next() has returned nullopt: a stream of
  // unknown size may not have the length that its tensor table requires. Then the format becomes
  // "opaque", and `trouble` has the reason.
  const formats::FileLayout& layout() const noexcept { return layout_; }

  // "tensor", "fixed" or "content-defined".
  std::string_view cutter() const noexcept { return cutter_; }

 private:
  Bytes cut_exactly(const Region& region);
  Bytes cut_by_content(const Region& region);
  FragmentShape shape_here() const;
  std::size_t room_in(const Region& region, std::size_t limit) const;
  void finish();
  void distrust(std::string reason);

  std::string path_;
  formats::PeekReader input_;
  formats::FileLayout layout_;
  std::string_view cutter_;
  std::vector<Region> regions_;  // the last one reaches to the end
  std::size_t region_ = 0;
  std::uint64_t offset_ = 0;
  bool finished_ = false;
};

}  // namespace modelfloat::fragment
