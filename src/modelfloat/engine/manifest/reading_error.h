#pragma once
// Errors of reading a manifest or its packs, with the name of the model.

#include <string>

#include <fmt/format.h>

#include "modelfloat/base/error.h"

namespace modelfloat::engine {

// What is wrong with stores or the manifest, and not with where the bytes go.
inline bool is_about_reading(ErrorKind kind) {
  return kind == ErrorKind::lost || kind == ErrorKind::corrupt || kind == ErrorKind::rate_limited;
}

// What `read` gives; errors name the model.
template <typename Read>
auto of_manifest(const std::string& name, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (!is_about_reading(error.kind)) throw;
    throw Error(error.kind, name, fmt::format("its manifest cannot be read: {}", error.what()), error.retry_after);
  }
}

}  // namespace modelfloat::engine
