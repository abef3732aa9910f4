#include "modelfloat/base/printable.h"

#include <cstddef>

namespace modelfloat {
namespace {

std::string without_controls(std::string_view text, std::string_view kept) {
  constexpr unsigned char k_first_printable = 0x20;
  constexpr unsigned char k_delete = 0x7f;
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // The control characters beyond ASCII are C2 80 to C2 9F.
    const bool second_set = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    const bool control = byte < k_first_printable || byte == k_delete || second_set;
    clean += control && kept.find(text[i]) == std::string_view::npos ? '?' : text[i];
    i += second_set ? 1 : 0;
  }
  return clean;
}

}  // namespace

std::string printable(std::string_view text) { return without_controls(text, ""); }
std::string printable_lines(std::string_view text) { return without_controls(text, "\n\t"); }

}  // namespace modelfloat
