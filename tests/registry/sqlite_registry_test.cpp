// The suite for every registry, and what is true for SQLite alone.
#include "modelfloat/registry/sqlite/sqlite_registry.h"

#include "support/registry_suite.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace modelfloat::registry {
namespace {

using namespace test;

class SqliteHome final : public RegistryHome {
 public:
  std::unique_ptr<Registry> open() override { return open_sqlite_registry(folder_ / "registry.db"); }

 private:
  TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, RegistrySuite,
                         testing::Values(RegistryCase{"sqlite", [] { return std::make_unique<SqliteHome>(); }}),
                         name_of_registry);

TEST(SqliteRegistryTest, FileIsForItsOwnerOnly) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "registry.db";
  const auto registry = open_sqlite_registry(file);
  registry->set_setting("a", as_bytes("b"));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((file.string() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600) << suffix;
  }
}

}  // namespace
}  // namespace modelfloat::registry
