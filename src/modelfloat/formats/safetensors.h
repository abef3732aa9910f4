#pragma once
// safetensors: https://github.com/huggingface/safetensors (README, "Format"): 8 bytes little-endian
// length, JSON, tensor bytes.

#include <cstdint>
#include <optional>

#include "modelfloat/base/bytes.h"
#include "modelfloat/formats/layout.h"

namespace modelfloat::formats {

// Whether the first bytes look like a safetensors header of at most 100 MB (the format's own
// limit). Needs 9 bytes.
bool looks_like_safetensors(ByteSpan head) noexcept;

// Reads the header from the first bytes of a file; never throws. The rules of the format hold: no
// key twice, tensors end to end without holes from the first byte of data to the last of the file
// (where its size is known), sizes as shape and dtype say. A dtype that we don't know is taken at
// its word.
ParseResult parse_safetensors(ByteSpan head, std::optional<std::uint64_t> file_size);

}  // namespace modelfloat::formats
