#pragma once
// Remembers the path of the pool's key file when it is not the default one in the home. This path
// belongs to one machine: other machines may have their key elsewhere.

#include <filesystem>
#include <optional>

#include "modelfloat/cli/home.h"

namespace modelfloat::cli {

// All functions throw Error when the file system does not allow it.

// Returns the path of the last remember_key_file() call; nullopt when there is none. Throws
// Error{corrupt} when the stored path is damaged.
std::optional<std::filesystem::path> remembered_key_file(const Home& home);
// Stores the absolute path of `file`. It is durable when this returns. If this is interrupted, the
// previous path is kept.
void remember_key_file(const Home& home, const std::filesystem::path& file);
// Deletes the stored path. Does nothing when there is none.
void forget_key_file(const Home& home);

}  // namespace modelfloat::cli
