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

// The result of a coder, which it wrote to the front of its output buffer.
struct Written {
  std::size_t bytes = 0;
  std::uint8_t parameter = 0;  // of the codec
};

// Both functions may be called from any thread. They may keep a few MB of working memory for each
// thread.
struct Coder {
  CodecId id = CodecId::raw;
  std::string_view name;  // for messages and answers

  // Encodes a fragment into the front of `out`. nullopt when this coder is not suited for the
  // fragment, or when the result does not fit into `out`; the content of `out` is then undefined.
  // With one version of the libraries, equal input gives equal output on every machine. Does not
  // check that the result can be decoded.
  std::optional<Written> (*try_encode)(ByteSpan plain, const FragmentShape& shape, MutableByteSpan out) = nullptr;

  // Decodes into `plain`. Returns false when `encoded` does not decode to exactly plain.size()
  // bytes; the content of `plain` is then undefined. `encoded` is not trusted: no byte outside of
  // `plain` is written, and no allocation depends on sizes that `encoded` claims.
  bool (*decode)(const Codec& codec, ByteSpan encoded, MutableByteSpan plain) = nullptr;
};

// All coders of this program. A fragment is encoded by the first coder, in this order, whose
// result is small enough; if there is none, the fragment stays raw. So specialised coders come
// first.
std::span<const Coder> coders() noexcept;

// nullptr for a codec that this program does not know.
const Coder* find_coder(CodecId id) noexcept;

}  // namespace modelfloat::codec
