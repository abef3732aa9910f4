#pragma once
// zstd as codec 1 of MF1: one frame (RFC 8878) with the content size in its header, without
// checksum and without dictionary.

#include <cstddef>
#include <optional>

#include "modelfloat/base/bytes.h"

namespace modelfloat::codec {

// Compresses into the front of `out` and returns the number of bytes; nullopt when they do not
// fit.
std::optional<std::size_t> zstd_compress(ByteSpan plain, int level, MutableByteSpan out);

// Decompresses into `plain`. Returns true when `encoded` is one such frame with exactly
// plain.size() bytes of content. Whatever `encoded` is, no byte outside of `plain` is written.
[[nodiscard]] bool zstd_decompress(ByteSpan encoded, MutableByteSpan plain);

}  // namespace modelfloat::codec
