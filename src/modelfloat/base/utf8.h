#pragma once

#include <cstddef>
#include <string_view>

namespace modelfloat {

// The length of the UTF-8 sequence at the front of `text`; 0 when there is no valid one (RFC 3629:
// no surrogates, none too long) or `text` is empty.
std::size_t utf8_sequence(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;

}  // namespace modelfloat
