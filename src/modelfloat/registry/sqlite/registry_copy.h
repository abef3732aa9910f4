#pragma once
// A registry that this process may read and not write: it works with a copy, which is forgotten.

#include <filesystem>
#include <memory>

#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::registry {

// Whether there is a registry that this user may not write, or in whose folder SQLite cannot make
// the files that it needs beside it.
bool is_read_only(const std::filesystem::path& file);

// Copies the registry, with what its write-ahead log has, into memory where the system has a folder
// for that, else into a private temporary folder. The copy goes with the returned object. What only
// remembers works as ever. What must not be forgotten is Error{denied}: queue_puts, begin_push,
// add_pack, add_token, remove_token, put_store_settings. Other errors as open_sqlite_registry(),
// and transient when another process keeps changing the file.
std::unique_ptr<Registry> open_registry_copy(const std::filesystem::path& file,
                                             Milliseconds lock_timeout = k_lock_timeout);

}  // namespace modelfloat::registry
