#pragma once
// Encodes fragments with the coder that suits them, and decodes them. The coders are in
// codec/coder.h.

#include <span>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/codec/coder.h"
#include "modelfloat/domain/codec.h"
#include "modelfloat/domain/fragment_shape.h"

namespace modelfloat::codec {

// "raw", "zstd"; "unknown" for what this program does not know.
std::string_view to_string(CodecId) noexcept;

struct Encoded {
  Codec codec;
  Bytes bytes;  // empty for raw: the plain bytes stand as they are
};

// Encodes a fragment of at most k_max_fragment_bytes with the first of `with` that brings it to 98
// % of its size or less; raw where none does. The result has been decoded again and compared:
// Error{internal} when it differs. Any thread; uses a few MB of working memory per thread.
Encoded encode(ByteSpan plain, const FragmentShape& shape, std::span<const Coder> with = coders());

// Whether decode() knows this codec, and can do without a base fragment.
bool can_decode(const Codec& codec) noexcept;

// Decodes exactly plain.size() bytes into `plain`. Error{corrupt} when `encoded` does not decode
// to exactly that many. Then the content of `plain` is undefined, but no byte outside of it was
// written. No allocation depends on sizes that `encoded` claims. Error{unsupported} for a codec
// that it cannot decode. Any thread.
void decode(const Codec& codec, ByteSpan encoded, MutableByteSpan plain);

}  // namespace modelfloat::codec
