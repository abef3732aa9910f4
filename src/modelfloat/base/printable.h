#pragma once
// Makes untrusted text safe for a terminal or a log: names, descriptions, and messages that
// contain them.

#include <string>
#include <string_view>

namespace modelfloat {

// Replaces by '?' whatever could control a terminal or change the order of the surrounding text:
// control characters (also those beyond ASCII), marks that change the direction of writing, and
// bytes that are not UTF-8.
std::string printable(std::string_view text);

// The same, but line breaks and tabs stay: for messages of several lines.
std::string printable_lines(std::string_view text);

// Like printable(), but without loss: backslashes and replaced characters become escapes ("\\",
// "\x1b"); where the text is not valid UTF-8, all that is not ASCII does.
std::string escaped(std::string_view text);

}  // namespace modelfloat
