#pragma once
// Which bug of tests/planted_bugs.py is switched on. Only a build with MODELFLOAT_PLANTED_BUGS has
// any.

#include <string_view>

namespace modelfloat::test {

// Empty: none. Set by tests while nothing runs.
inline std::string_view planted_bug_name;

inline bool planted_bug(std::string_view name) noexcept { return name == planted_bug_name; }

}  // namespace modelfloat::test
