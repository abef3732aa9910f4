#pragma once
// Text for a search that ignores case.

#include <string>
#include <string_view>

namespace modelfloat::registry {

// UTF-8 with every letter of every script in lower case. Bytes that are not UTF-8 stay as they are.
std::string fold_case(std::string_view text);

}  // namespace modelfloat::registry
