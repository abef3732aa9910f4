#include "modelfloat/registry/sqlite/migrations.h"

#include <array>

#include <fmt/format.h>

namespace modelfloat::registry {

static constexpr Migration k_migrations[] = {
#include "migrations.inc"
};

std::span<const Migration> all_migrations() { return k_migrations; }

void start_schema(Database& database) {
  database.write([](Connection& c) {
    c.run("create table schema_version (version bigint not null)");
    c.run("insert into schema_version values (0)");
  });
}

static std::uint64_t version_of(Connection& c) {
  const auto tables = c.rows<std::string>("select name from sqlite_master where name = 'schema_version'");
  const auto version = tables.empty() ? std::nullopt : c.row<std::uint64_t>("select version from schema_version");
  if (!version) throw Error(ErrorKind::corrupt, c.file().string(), "is not a registry of ModelFloat");
  return *version;
}

void migrate(Database& database, std::span<const Migration> steps) {
  const std::uint64_t found = database.read(version_of);
  const std::uint64_t newest = steps.empty() ? 0 : steps.back().version;
  database.read([&](Connection& c) {
    if (found <= newest) return;
    throw Error(ErrorKind::unsupported, c.file().string(),
                fmt::format("has schema {}, this program knows up to {}: use a newer modelfloat", found, newest));
  });
  for (const Migration& step : steps) {
    if (step.version <= found) continue;
    database.write([&](Connection& c) {
      if (version_of(c) >= step.version) return;  // another process was faster
      c.run_script(std::string(step.sql));
      c.run("update schema_version set version = ?1", step.version);
    });
  }
}

}  // namespace modelfloat::registry
