#include "modelfloat/base/printable.h"

#include <fmt/format.h>

#include "modelfloat/base/utf8.h"

namespace modelfloat {

// U+202A to U+202E and U+2066 to U+2069.
static bool changes_direction(std::string_view sequence) noexcept {
  if (sequence.size() != 3 || sequence[0] != '\xE2') return false;
  const auto last = static_cast<unsigned char>(sequence[2]);
  if (sequence[1] == '\x80') return last >= 0xAA && last <= 0xAE;
  return sequence[1] == '\x81' && last >= 0xA6 && last <= 0xA9;
}

// Also U+0080 to U+009F, which UTF-8 writes as C2 80 to C2 9F.
static bool is_control(std::string_view sequence) noexcept {
  const auto first = static_cast<unsigned char>(sequence[0]);
  return first < 0x20 || first == 0x7F ||
         (sequence.size() == 2 && first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0);
}

static std::string cleaned(std::string_view text, std::string_view allowed) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    const bool refused = length == 0 || changes_direction(sequence) ||
                         (is_control(sequence) && allowed.find(sequence[0]) == std::string_view::npos);
    clean += refused ? std::string_view("?") : sequence;
    text.remove_prefix(sequence.size());
  }
  return clean;
}

std::string printable(std::string_view text) { return cleaned(text, ""); }
std::string printable_lines(std::string_view text) { return cleaned(text, "\n\t"); }

std::string escaped(std::string_view text) {
  const bool keeps_letters = is_utf8(text);
  std::string shown;
  while (!text.empty()) {
    const std::string_view sequence = text.substr(0, keeps_letters ? utf8_sequence(text) : 1);
    const bool is_ascii = static_cast<unsigned char>(sequence[0]) < 0x80;
    if (sequence == "\\") {
      shown += "\\\\";
    } else if (is_control(sequence) || changes_direction(sequence) || (!keeps_letters && !is_ascii)) {
      for (const char byte : sequence) shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    } else {
      shown += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return shown;
}

}  // namespace modelfloat
