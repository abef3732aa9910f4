#include "modelfloat/registry/sqlite/fold_case.h"

#include <cstdint>

#include <locale.h>
#include <wctype.h>

namespace modelfloat::registry {

struct Letter {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};

static Letter decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  const std::size_t bytes = first < 0x80   ? 1
                            : first < 0xc0 ? 0
                            : first < 0xe0 ? 2
                            : first < 0xf0 ? 3
                            : first < 0xf8 ? 4
                                           : 0;
  if (bytes == 0 || bytes > text.size()) return {};
  char32_t code = bytes == 1 ? first : first & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3fU);
  }
  return {code, bytes};
}

static void encode(std::string& to, char32_t code) {
  const auto put = [&](char32_t byte) { to.push_back(static_cast<char>(byte)); };
  const auto tail = [&](unsigned shift) { put(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6)), tail(0);
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12)), tail(6), tail(0);
  } else {
    put(0xf0 | (code >> 18)), tail(12), tail(6), tail(0);
  }
}

std::string fold_case(std::string_view text) {
  // Letters of all scripts, whatever the user's locale is. Without it, only A to Z are folded.
  static const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
  std::string folded;
  folded.reserve(text.size());
  while (!text.empty()) {
    const Letter letter = decode(text);
    if (letter.bytes == 0) {
      folded.push_back(text.front());
    } else if (letter.code < 0x80 || unicode == locale_t{}) {
      const char c = text.front();
      folded.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
      folded.append(text.substr(1, letter.bytes - 1));
    } else {
      encode(folded, static_cast<char32_t>(::towlower_l(static_cast<wint_t>(letter.code), unicode)));
    }
    text.remove_prefix(letter.bytes == 0 ? 1 : letter.bytes);
  }
  return folded;
}

}  // namespace modelfloat::registry
