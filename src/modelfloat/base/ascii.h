#pragma once
// Text functions for protocols. They ignore the locale: only ASCII letters have a case.

#include <string>
#include <string_view>

namespace modelfloat {

std::string lower_case(std::string_view text);

bool equal_ignoring_case(std::string_view, std::string_view);

// Without the blanks at both ends.
std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");

}  // namespace modelfloat
