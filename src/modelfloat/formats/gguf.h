#pragma once
// GGUF, versions 2 and 3, little-endian: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/formats/layout.h"

namespace modelfloat::formats {

// Whether the file begins with the magic bytes of GGUF. Needs 4 bytes.
bool has_gguf_magic(ByteSpan head) noexcept;

// Parses the header from the first bytes of a file; never throws. Refuses headers beyond the
// limits of layout.h, and what no sound file has: duplicate keys or tensor names, dimensions of
// 0, shapes that do not fit whole blocks, misaligned offsets, overlaps, and tensors that end
// after the end of the file, when its size is known. A tensor of unknown type extends to the next
// tensor or the end of the file. When the size is not known and it is the last tensor, its length
// is 0.
ParseResult parse_gguf(ByteSpan head, std::optional<std::uint64_t> file_size);

// The name of a tensor's type, "TYPE_<number>" when it is unknown.
std::string ggml_type_name(std::uint32_t number);
// The name of a general.file_type such as "Q4_K_M"; empty when it is unknown.
std::string_view gguf_file_type_name(std::uint64_t number) noexcept;

}  // namespace modelfloat::formats
