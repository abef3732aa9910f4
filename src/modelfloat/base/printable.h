#pragma once
// Text of others, so that a terminal or a log may show it: names, descriptions, and messages that
// have them.

#include <string>
#include <string_view>

namespace modelfloat {

// With '?' for what could rewrite a terminal or the order of the text around it: control characters
// (also those beyond ASCII), marks that change the direction of writing, and bytes that are not
// UTF-8.
std::string printable(std::string_view text);

// The same, but line breaks and tabs stay: for messages of several lines.
std::string printable_lines(std::string_view text);

// Nothing is lost: backslashes and what `printable` replaces become escapes ("\\", "\x1b"); where
// the text is not valid UTF-8, all that is not ASCII does.
std::string escaped(std::string_view text);

}  // namespace modelfloat
