// The files that rclone uploads from.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/file_size_limit.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "modelfloat/store/rclone/outbox.h"

namespace modelfloat::store::rclone {
namespace {

namespace fs = std::filesystem;
using namespace modelfloat::test;
using ::testing::HasSubstr;

Bytes content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return to_bytes(std::string(std::istreambuf_iterator<char>(file), {}));
}

TEST(RcloneOutbox, HoldsAFileInMemoryForAsLongAsItIsNeeded) {
  const TemporaryFolder memory;
  Outbox outbox(memory.path());
  const Bytes bytes = random_bytes(100'000, 1);
  fs::path path;
  {
    const auto file = outbox.hold(bytes, "one");
    path = file.folder() / file.name();
    EXPECT_EQ(path.parent_path().parent_path(), memory.path());
    EXPECT_EQ(content_of(path), bytes);
    struct stat about{};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(RcloneOutbox, WithoutSuchAFolderItIsOnTheDisk) {
  Outbox outbox("/nowhere");
  const auto file = outbox.hold(as_bytes("x"), "one");
  EXPECT_EQ(content_of(file.folder() / file.name()), to_bytes("x"));
}

TEST(RcloneOutbox, GoesToTheDiskWhenTheMemoryTakesNoMore) {
  const TemporaryFolder memory;
  Outbox outbox(memory.path());
  {
    outbox.hold(as_bytes("x"), "one");
  }
  for (const auto& folder : fs::directory_iterator(memory.path())) fs::remove_all(folder);
  const auto file = outbox.hold(as_bytes("x"), "one");
  EXPECT_NE(file.folder().parent_path(), memory.path());
  EXPECT_EQ(content_of(file.folder() / file.name()), to_bytes("x"));
}

TEST(RcloneOutbox, WithoutRoomAnywhereItSaysSoAndLeavesNothing) {
  const TemporaryFolder memory;
  Outbox outbox(memory.path());
  {
    const FileSizeLimit limit(1'000'000);
    const auto error = thrown_by([&] { outbox.hold(random_bytes(1'500'000, 1), "one"); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::transient);  // it is not the store that is full
    EXPECT_THAT(error->what(), HasSubstr("no room"));
  }
  for (const auto& folder : fs::directory_iterator(memory.path())) EXPECT_TRUE(fs::is_empty(folder));
}

}  // namespace
}  // namespace modelfloat::store::rclone
