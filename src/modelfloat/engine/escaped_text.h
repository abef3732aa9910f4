#pragma once
// Text of unknown origin, to be named in an error.

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "modelfloat/mf1/cbor.h"

namespace modelfloat::engine {

// With backslashes and control characters as escapes ("\\", "\x1b"); where it is not valid UTF-8, all that is not ASCII, too.
inline std::string escaped(std::string_view text) {
  const bool keeps_letters = mf1::is_utf8(text);
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters; UTF-8 writes them as C2 80 to C2 9F.
    const bool is_second_set = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte == '\\') {
      shown += "\\\\";
    } else if (byte < 0x20 || byte == 0x7F || is_second_set || (byte >= 0x80 && !keeps_letters)) {
      shown += fmt::format("\\x{:02x}", byte);
      if (is_second_set && keeps_letters) shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
    } else {
      shown += text[i];
    }
  }
  return shown;
}

}  // namespace modelfloat::engine
