#pragma once
// For stores that list folder by folder.

#include <string_view>

namespace modelfloat::store {

// Whether a folder whose path ends in a slash can hold names that start with `prefix`.
inline bool may_match(std::string_view folder, std::string_view prefix) {
  return folder.starts_with(prefix) || prefix.starts_with(folder);
}

}  // namespace modelfloat::store
