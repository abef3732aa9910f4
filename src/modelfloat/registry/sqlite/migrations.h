#pragma once
// The schema, step by step.

#include <cstdint>
#include <span>
#include <string_view>

#include "modelfloat/registry/sqlite/database.h"

namespace modelfloat::registry {

struct Migration {
  std::uint64_t version;
  std::string_view sql;
};

// Those of migrations/*.sql: versions 1, 2, 3 ...
std::span<const Migration> all_migrations();

// Makes the table that holds the version, at 0, in an empty file.
void start_schema(Database&);

// Runs the migrations that the file lacks, each in its own transaction. Error: unsupported when
// the file's version is above the last step's, corrupt when it is not a registry. Several
// processes may do this at once.
void migrate(Database&, std::span<const Migration> steps);

}  // namespace modelfloat::registry
