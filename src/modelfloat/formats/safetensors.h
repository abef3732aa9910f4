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

// Reads the header from the first bytes of a file; never throws. Checks the rules of the format:
// no duplicate keys; tensors without gaps from the first byte of data to the end of the file
// (where its size is known); sizes that fit shape and dtype. For an unknown dtype, the size in
// the header is accepted.
ParseResult parse_safetensors(ByteSpan head, std::optional<std::uint64_t> file_size);

}  // namespace modelfloat::formats
