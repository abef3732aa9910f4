#pragma once
// What is known of a fragment's content before it is encoded.

#include <cstdint>
#include <optional>
#include <string>

namespace modelfloat {

struct FragmentShape {
  // Of the tensors inside, as their file spells it; empty for headers and for what is not known.
  std::string dtype;

  // Where the fragment's first byte lies in its element or quantisation block: its offset from the
  // start of the tensor, modulo the bytes of a block (dtype_block). nullopt when the tensor or the
  // size of its blocks is not known.
  std::optional<std::uint32_t> phase;

  bool operator==(const FragmentShape&) const = default;
};

}  // namespace modelfloat
