#pragma once
// An environment for tests.

#include <map>
#include <optional>
#include <string>

#include "modelfloat/cli/home.h"

namespace modelfloat::cli {

inline Variables variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

}  // namespace modelfloat::cli
