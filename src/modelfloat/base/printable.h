#pragma once
// Text of others, made fit for terminals and logs.

#include <string>
#include <string_view>

namespace modelfloat {

// With '?' for each control character: those could rewrite a terminal, or forge a line of a log.
std::string printable(std::string_view text);
// The same, but newlines and tabs stay.
std::string printable_lines(std::string_view text);

}  // namespace modelfloat
