#pragma once
// The coder for codec 1, zstd. Its parameter is the level.

#include <optional>

#include "modelfloat/base/bytes.h"
#include "modelfloat/codec/coder.h"

namespace modelfloat::codec {

// As Coder::try_encode. Also nullopt when a few samples suggest that compression would gain too
// little.
std::optional<Written> zstd_try_encode(ByteSpan plain, const FragmentShape& shape, MutableByteSpan out);

// As Coder::decode.
bool zstd_decode(const Codec& codec, ByteSpan encoded, MutableByteSpan plain);

}  // namespace modelfloat::codec
