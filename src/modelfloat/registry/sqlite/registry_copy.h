#pragma once
// Temporary registries: a copy of one that this process may read but not write, and one for a
// process that has none.

#include <filesystem>
#include <memory>

#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::registry {

// Whether there is a registry that this user may not write, or in whose folder SQLite cannot make
// the files that it needs beside it.
bool is_read_only(const std::filesystem::path& file);

// Copies the registry, with what its write-ahead log has, into memory where the system has a
// folder for that, else into a private temporary folder. The copy is deleted with the returned
// object. Methods that only cache facts work as usual. Methods whose changes must not be lost
// throw Error{denied}: queue_puts, begin_push, add_pack, add_token, remove_token,
// put_store_settings. Other errors as open_sqlite_registry(), and transient when another process
// keeps changing the file.
std::unique_ptr<Registry> open_registry_copy(const std::filesystem::path& file,
                                             Milliseconds lock_timeout = k_lock_timeout);

// Makes an empty registry in such a place, for what needs one and has no home. All methods work. It
// is deleted with the returned object.
std::unique_ptr<Registry> open_temporary_registry();

}  // namespace modelfloat::registry
