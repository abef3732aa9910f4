#pragma once
// Computes the range of bytes for Store::get.

#include <string>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store {

// Returns the range with a definite length for an object of `size_bytes`. Throws Error{corrupt}
// when it reaches beyond the end of the object.
inline ByteRange clip(ByteRange range, std::uint64_t size_bytes, const std::string& where) {
  if (range.length == ByteRange::k_to_the_end && range.offset <= size_bytes) range.length = size_bytes - range.offset;
  const auto end = checked_add(range.offset, range.length);
  if (!end || *end > size_bytes) {
    throw Error(ErrorKind::corrupt, where, "has " + std::to_string(size_bytes) + " bytes, fewer than were asked for");
  }
  return range;
}

}  // namespace modelfloat::store
