#pragma once

#include <string_view>

#include "modelfloat/formats/layout.h"
#include "modelfloat/formats/peek_reader.h"

namespace modelfloat::formats {

// Looks at the head of a file, at most k_max_header_bytes of it, and says what it is. Reads nothing
// away. A file that claims to be GGUF or safetensors and is not sound is "opaque", with the reason
// as its trouble. So is a stand_in(). Throws only what the source throws.
FileLayout read_layout(PeekReader& file, std::string_view path);

}  // namespace modelfloat::formats
