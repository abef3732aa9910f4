#pragma once
// The coders, one for each codec of the format, and the table of them.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/codec.h"
#include "modelfloat/domain/fragment_shape.h"

namespace modelfloat::codec {

// What a coder has written into the front of the bytes that it was given.
struct Written {
  std::size_t bytes = 0;
  std::uint8_t parameter = 0;  // of the codec
};

// Both functions may be called from any thread. They may keep a few MB of working memory for each
// thread.
struct Coder {
  CodecId id = CodecId::raw;
  std::string_view name;  // for messages and answers

  // Encodes a fragment into the front of `out`. nullopt when this coder is not for such a fragment,
  // or when the result does not fit into `out`, which then holds anything. Equal input gives equal
  // output with one version of the libraries, on any machine. Does not check that the result
  // decodes.
  std::optional<Written> (*try_encode)(ByteSpan plain, const FragmentShape& shape, MutableByteSpan out) = nullptr;

  // Fills `plain`. False when `encoded` does not decode to exactly plain.size() bytes; `plain` then
  // holds anything. Whatever `encoded` is, writes nothing outside of `plain` and allocates nothing
  // by what `encoded` claims.
  bool (*decode)(const Codec& codec, ByteSpan encoded, MutableByteSpan plain) = nullptr;
};

// All coders of this program. When a fragment is encoded, they are tried in this order, and the
// first whose result is small enough is used; where none is, the fragment stays raw. So a coder for
// few kinds of fragments comes first.
std::span<const Coder> coders() noexcept;

// nullptr for a codec that this program does not know.
const Coder* find_coder(CodecId id) noexcept;

}  // namespace modelfloat::codec
