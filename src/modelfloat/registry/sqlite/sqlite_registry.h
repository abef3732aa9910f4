#pragma once
// The registry of one machine, in one SQLite file.

#include <filesystem>
#include <memory>

#include "modelfloat/base/clock.h"
#include "modelfloat/registry/registry.h"

namespace modelfloat::registry {

// How long a call waits for another writer before it throws Error{transient}.
inline constexpr Milliseconds k_lock_timeout{30'000};

// Opens the registry, or makes it, readable by its owner alone, where there is none; its folder
// must exist. An older schema is brought up to date. Error: unsupported when a newer program
// wrote the file, corrupt when it is damaged or not a registry, invalid when it is a folder or
// the like, not_found or denied as the system says.
std::unique_ptr<Registry> open_sqlite_registry(const std::filesystem::path& file,
                                               Milliseconds lock_timeout = k_lock_timeout);

}  // namespace modelfloat::registry
