#pragma once
// Where the key file of this home's pool is, when it is not the one in the home itself. A fact of
// this machine: another one has its key elsewhere.

#include <filesystem>
#include <optional>

#include "modelfloat/cli/home.h"

namespace modelfloat::cli {

// All throw Error as the system says.

// What remember_key_file() was last called with, or nullopt. Error{corrupt} when the home's note of
// it is damaged.
std::optional<std::filesystem::path> remembered_key_file(const Home& home);
// Remembers the absolute path. Durable when this returns; when it is cut off, what was remembered
// before still is.
void remember_key_file(const Home& home, const std::filesystem::path& file);
// From now on nothing is remembered. It is fine when nothing was.
void forget_key_file(const Home& home);

}  // namespace modelfloat::cli
