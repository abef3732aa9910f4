#pragma once
// What a piece of work ends with.

#include <optional>
#include <utility>

#include "modelfloat/base/error.h"

namespace modelfloat::test {

// The Error that the work throws; nothing when it succeeds. Other exceptions pass.
template <typename Work>
std::optional<Error> thrown_by(Work&& work) {
  try {
    std::forward<Work>(work)();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

template <typename Work>
std::optional<ErrorKind> kind_thrown(Work&& work) {
  const auto error = thrown_by(std::forward<Work>(work));
  return error ? std::optional(error->kind) : std::nullopt;
}

}  // namespace modelfloat::test
