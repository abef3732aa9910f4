#pragma once
// GGUF, versions 2 and 3, little-endian: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/formats/layout.h"

namespace modelfloat::formats {

// Whether the file begins as GGUF does. Needs 4 bytes.
bool has_gguf_magic(ByteSpan head) noexcept;

// Reads the header from the first bytes of a file; never throws. Beyond the bounds of layout.h it
// refuses what no sound file has: equal keys or tensor names, zero dimensions, shapes that break a
// block, offsets off the alignment, overlaps, and, when the size of the file is known, tensors that
// end behind it. Tensors of unknown type reach to the next one or the end of the file (when the
// size is not known the last of them is given length 0).
ParseResult parse_gguf(ByteSpan head, std::optional<std::uint64_t> file_size);

// The name of a tensor's type, "TYPE_<number>" when it is unknown.
std::string ggml_type_name(std::uint32_t number);
// The name of a general.file_type such as "Q4_K_M"; empty when it is unknown.
std::string_view gguf_file_type_name(std::uint64_t number) noexcept;

}  // namespace modelfloat::formats
