#pragma once

#include <string_view>

#include "modelfloat/formats/layout.h"
#include "modelfloat/formats/peek_reader.h"

namespace modelfloat::formats {

// Determines the layout of a file by at most k_max_header_bytes of its head. Only peeks: the
// whole file can still be read afterwards. A file that claims to be GGUF or safetensors and is
// not sound is "opaque", with the reason in `trouble`. So is a stand_in(). Throws only what the
// source throws.
FileLayout read_layout(PeekReader& file, std::string_view path);

}  // namespace modelfloat::formats
