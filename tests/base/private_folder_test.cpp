#include "modelfloat/base/private_folder.h"

#include <fstream>
#include <optional>

#include "support/temporary_folder.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "modelfloat/base/error.h"

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;

void make_old(const fs::path& folder) {
  const timespec hour_ago[2] = {{::time(nullptr) - 3600, 0}, {::time(nullptr) - 3600, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, folder.c_str(), hour_ago, 0), 0);
}

TEST(PrivateFolder, LetsNobodyElseInAndIsRemoved) {
  const test::TemporaryFolder parent;
  fs::path path;
  {
    const PrivateFolder folder(parent.path());
    path = folder.path();
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    std::ofstream(path / "left") << "x";
  }
  EXPECT_FALSE(fs::exists(path));
}

// It was "filesystem error: temp_directory_path: Not a directory".
TEST(PrivateFolder, SaysWhichFolderForTemporaryFilesIsMissing) {
  const test::TemporaryFolder parent;
  const std::string missing = (parent / "missing").string();
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string kept_runtime = runtime != nullptr ? runtime : "";
  ::setenv("TMPDIR", missing.c_str(), 1);
  ::unsetenv("XDG_RUNTIME_DIR");
  try {
    const PrivateFolder folder;
    ADD_FAILURE() << folder.path();
  } catch (const Error& error) {
    EXPECT_EQ(error.where, missing);
    EXPECT_NE(std::string(error.what()).find("TMPDIR"), std::string::npos) << error.what();
  }
  kept.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
  if (!kept_runtime.empty()) ::setenv("XDG_RUNTIME_DIR", kept_runtime.c_str(), 1);
}

TEST(PrivateFolder, RemovesWhatDeadRunsLeftButNotWhatLivingOnesUse) {
  const test::TemporaryFolder parent;
  const PrivateFolder living(parent.path());
  const fs::path dead = parent / "modelfloat-run-dead";
  const fs::path fresh = parent / "modelfloat-run-fresh";
  const fs::path foreign = parent / "another";
  for (const auto& folder : {dead, fresh, foreign}) fs::create_directory(folder);
  for (const auto& folder : {dead, foreign, living.path()}) make_old(folder);

  const PrivateFolder next(parent.path());
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(fresh)) << "its maker may be about to lock it";
  EXPECT_TRUE(fs::exists(foreign));
  EXPECT_TRUE(fs::exists(living.path()));
}

}  // namespace
}  // namespace modelfloat::runner
