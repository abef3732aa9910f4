#pragma once
// What is known of a fragment's content before it is encoded.

#include <cstdint>
#include <optional>
#include <string>

namespace modelfloat {

struct FragmentShape {
  // The element type of the tensors inside, as the file spells it; empty for headers and when it
  // is not known.
  std::string dtype;

  // The position of the fragment's first byte within its element or quantisation block: the
  // offset from the start of the tensor, modulo the block size (dtype_block). nullopt when the
  // tensor or its block size is not known.
  std::optional<std::uint32_t> phase;

  bool operator==(const FragmentShape&) const = default;
};

}  // namespace modelfloat
