#pragma once
// Finds programs on the PATH.

#include <filesystem>
#include <optional>
#include <string_view>

namespace modelfloat {

bool can_execute(const std::filesystem::path& file);

// The first executable file of this name in the folders of PATH; relative folders are passed over.
std::optional<std::filesystem::path> find_program(std::string_view name);

}  // namespace modelfloat
