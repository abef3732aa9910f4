#pragma once
// Adds the name of the model to errors of reading a manifest or its packs.

#include <string>

#include <fmt/format.h>

#include "modelfloat/base/error.h"

namespace modelfloat::engine {

// Whether the error is about stores or the manifest, rather than about the destination of the
// bytes.
inline bool is_about_reading(ErrorKind kind) {
  return kind == ErrorKind::lost || kind == ErrorKind::corrupt || kind == ErrorKind::rate_limited;
}

// Returns what `read` returns. Errors about reading get the name of the model.
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
