#pragma once
// Text of others, so that a terminal or a log may show it: names, descriptions, and messages that have them.

#include <cstddef>
#include <string>
#include <string_view>

namespace modelfloat {

// The length of the UTF-8 sequence at the front of `text`; 0 when there is no valid one (RFC 3629: no surrogates, none too
// long) or `text` is empty.
std::size_t utf8_sequence(std::string_view text) noexcept;

// With '?' for what could rewrite a terminal or the order of the text around it: control characters (also those beyond
// ASCII), marks that change the direction of writing, and bytes that are not UTF-8.
std::string printable(std::string_view text);

// The same, but line breaks and tabs stay: for messages of several lines.
std::string printable_lines(std::string_view text);

}  // namespace modelfloat
