#pragma once
// Expands ~ in paths that people type.

#include <filesystem>
#include <string_view>

namespace modelfloat {

// A path whose first part is ~ or ~USER begins with that home folder instead, as in a shell: HOME
// for ~, or the account's own where HOME is not set. Any other path comes back as it is.
// Error{invalid} when there is no such user or home.
std::filesystem::path expand_home(std::string_view path);

}  // namespace modelfloat
