// Pulls to the file system: what is on the disk when, what is left behind, and what files and
// targets may be called.

#include <cerrno>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "engine/test_pool.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modelfloat/engine/pull/pull.h"

// What reaches the disk cannot be seen without cutting the power, so the calls that bring it there
// are written down: these stand in for the C library's, in this program alone.
namespace {

struct DiskCall {
  std::string what;
  ino_t inode = 0;  // of what was synced or renamed
};
std::mutex disk_mutex;
std::vector<DiskCall>* disk_calls = nullptr;  // when they are wanted

void record_disk_call(const std::string& what, ino_t inode) {
  const std::lock_guard lock(disk_mutex);
  if (disk_calls != nullptr) disk_calls->push_back({what, inode});
}

ino_t inode_of(int descriptor) {
  struct stat about{};
  return ::fstat(descriptor, &about) == 0 ? about.st_ino : 0;
}

ino_t inode_at(int folder, const char* path) {
  struct stat about{};
  return ::fstatat(folder, path, &about, AT_SYMLINK_NOFOLLOW) == 0 ? about.st_ino : 0;
}

}  // namespace

extern "C" {
int fdatasync(int descriptor) {
  record_disk_call("sync", inode_of(descriptor));
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}
int fsync(int descriptor) {
  record_disk_call("sync", inode_of(descriptor));
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}
int syncfs(int descriptor) noexcept {
  record_disk_call("sync all", 0);
  return static_cast<int>(::syscall(SYS_syncfs, descriptor));
}
int rename(const char* from, const char* to) noexcept {
  record_disk_call("rename", inode_at(AT_FDCWD, from));
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  record_disk_call("rename", inode_at(from_folder, from));
  return static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, 0));
}
}

namespace modelfloat {
namespace {

namespace fs = std::filesystem;

using test::Files;
using test::Machine;
using test::Threads;
using test::World;

class PullToPath : public testing::Test {
 protected:
  PullToPath() { machine_.create({2, 1, 1}); }

  fs::path pull(const std::string& name, const fs::path& target) {
    return engine::pull_to_path(machine_.pool(), ModelRef::parse(name), target, true, {}, {}).path;
  }
  // The calls that a pull makes.
  std::vector<DiskCall> disk_calls_of_pull(const std::string& name, const fs::path& target) {
    std::vector<DiskCall> calls;
    {
      const std::lock_guard lock(disk_mutex);
      disk_calls = &calls;
    }
    pull(name, target);
    const std::lock_guard lock(disk_mutex);
    disk_calls = nullptr;
    return calls;
  }
  static Bytes content(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    return to_bytes(text);
  }
  static std::vector<std::string> entries(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  static ino_t inode(const fs::path& path) { return inode_at(AT_FDCWD, path.c_str()); }

  test::TemporaryFolder folder_;
  World world_{3};
  Machine machine_{world_, Threads::one};
};

std::size_t place_of(const std::vector<DiskCall>& calls, const std::string& what, ino_t inode) {
  const auto found = std::find_if(calls.begin(), calls.end(),
                                  [&](const DiskCall& call) { return call.what == what && call.inode == inode; });
  return static_cast<std::size_t>(found - calls.begin());
}

std::size_t last_place_of(const std::vector<DiskCall>& calls, const std::string& what, ino_t inode) {
  std::size_t last = calls.size();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].what == what && calls[i].inode == inode) last = i;
  }
  return last;
}

TEST_F(PullToPath, AFileIsOnTheDiskBeforeItHasItsNameAndItsNameThereAfter) {
  machine_.push("ns/one", {{"m.bin", test::random_bytes(3'000'000, 1)}});
  const fs::path target = folder_ / "new" / "deeper" / "m.bin";
  const auto calls = disk_calls_of_pull("ns/one", target);
  const std::size_t named = place_of(calls, "rename", inode(target));
  ASSERT_LT(named, calls.size());
  EXPECT_LT(place_of(calls, "sync", inode(target)), named);
  const std::size_t listed = last_place_of(calls, "sync", inode(target.parent_path()));
  ASSERT_LT(listed, calls.size());
  EXPECT_GT(listed, named);
  // The folders that were made for it are entries of others.
  EXPECT_LT(place_of(calls, "sync", inode(folder_ / "new")), calls.size());
  EXPECT_LT(place_of(calls, "sync", inode(folder_.path())), calls.size());
}

TEST_F(PullToPath, EveryFileOfAFolderIsOnTheDiskBeforeTheFolderHasItsName) {
  machine_.push("ns/some", {{"a/b/c.bin", test::random_bytes(1'000'000, 1)}, {"d.bin", test::random_bytes(1000, 2)}});
  const fs::path target = folder_ / "it";
  const auto calls = disk_calls_of_pull("ns/some", target);
  const std::size_t named = place_of(calls, "rename", inode(target));
  ASSERT_LT(named, calls.size());
  for (const char* inner : {"", "a", "a/b", "a/b/c.bin", "d.bin"})
    EXPECT_LT(place_of(calls, "sync", inode(target / inner)), named) << inner;
  EXPECT_GT(last_place_of(calls, "sync", inode(folder_.path())), named);
}

TEST_F(PullToPath, FilesThatReplaceOthersInAFolderAreOnTheDiskBefore) {
  machine_.push("ns/some", {{"a/c.bin", test::random_bytes(1'000'000, 1)}, {"d.bin", test::random_bytes(1000, 2)}});
  const fs::path target = folder_ / "it";
  fs::create_directory(target);
  const auto calls = disk_calls_of_pull("ns/some", target);
  for (const char* inner : {"a/c.bin", "d.bin"}) {
    const std::size_t named = place_of(calls, "rename", inode(target / inner));
    ASSERT_LT(named, calls.size());
    EXPECT_LT(place_of(calls, "sync", inode(target / inner)), named) << inner;
    EXPECT_GT(last_place_of(calls, "sync", inode((target / inner).parent_path())), named) << inner;
  }
}

TEST_F(PullToPath, ManyFilesAreSyncedAtOnceBeforeTheyHaveTheirNames) {
  Files files;
  for (int i = 0; i < 200; ++i) files["f" + std::to_string(i)] = test::random_bytes(100, i);
  machine_.push("ns/many", files);
  const fs::path target = folder_ / "it";
  const auto calls = disk_calls_of_pull("ns/many", target);
  EXPECT_LT(place_of(calls, "sync all", 0), place_of(calls, "rename", inode(target)));
  for (const auto& [path, bytes] : files) EXPECT_EQ(content(target / path), bytes) << path;
}

// 255 bytes is what file systems allow.
TEST_F(PullToPath, NamesOfAnyLengthAndFormThatWerePushedComeBack) {
  const std::string longest(255, 'n');
  Files one{{longest, to_bytes("x")}};
  machine_.push("ns/one", one);
  EXPECT_EQ(content(pull("ns/one", folder_ / longest)), one.at(longest));

  std::string deep;  // near the limit of a path, and with the folder before it beyond that
  while (deep.size() < 3800) deep += longest + "/";
  Files files{{longest, to_bytes("1")}};
  for (const char* name : {"dot.", "space ", " front", "...", ".hidden", "-o", "~", "*", "a:b", "CON", "\xE6\xA8\xA1",
                           "x.part", "in/dot./x", ".modelfloat-0123456789abcdef.part"})
    files[name] = to_bytes(name);
  machine_.push("ns/odd", files);
  const fs::path target = pull("ns/odd", folder_ / "odd");
  for (const auto& [path, bytes] : files) EXPECT_EQ(content(target / path), bytes) << path;

  machine_.push("ns/deep", {{deep + "x", to_bytes("deep")}, {"y", to_bytes("y")}});
  for (const char* existing : {"new", "there"}) {
    fs::create_directory(folder_ / "there");
    const fs::path into = pull("ns/deep", folder_ / existing);
    const int folder = ::open(into.c_str(), O_RDONLY | O_DIRECTORY);
    const int file = ::openat(folder, (deep + "x").c_str(), O_RDONLY);
    char got[8] = {};
    EXPECT_EQ(::read(file, got, sizeof got), 4) << existing;
    ::close(file);
    ::close(folder);
  }
}

TEST_F(PullToPath, ATargetThatEndsInASlashIsAFolder) {
  const Files files{{"m.bin", to_bytes("x")}};
  machine_.push("ns/one", files);
  EXPECT_EQ(pull("ns/one", (folder_ / "new/").string()), folder_ / "new/m.bin");
  EXPECT_EQ(pull("ns/one", (folder_ / "new/").string()), folder_ / "new/m.bin");  // there by now
  EXPECT_EQ(pull("ns/one", (folder_ / "a//b//").string()), folder_ / "a/b/m.bin");
  EXPECT_EQ(pull("ns/one", folder_ / "file"), folder_ / "file");
  EXPECT_EQ(test::kind_thrown([&] { pull("ns/one", (folder_ / "file/").string()); }), ErrorKind::invalid);
  EXPECT_EQ(content(folder_ / "file"), files.at("m.bin"));
  machine_.push("ns/two", {{"a", to_bytes("1")}, {"b", to_bytes("2")}});
  EXPECT_EQ(pull("ns/two", (folder_ / "both/").string()), folder_ / "both");
  EXPECT_EQ(entries(folder_ / "both"), (std::vector<std::string>{"a", "b"}));
}

TEST_F(PullToPath, WhatTheFileSystemRefusesIsOneOfOurErrors) {
  machine_.push("ns/one", {{"m.bin", to_bytes("x")}});
  machine_.push("ns/two", {{"a", to_bytes("1")}, {"b", to_bytes("2")}});
  fs::create_symlink("loop", folder_ / "loop");
  for (const std::string name : {"ns/one", "ns/two"}) {
    for (const fs::path& target : {folder_ / "loop" / "x", folder_ / std::string(300, 'x'), folder_ / "loop/"}) {
      EXPECT_THROW(pull(name, target), Error) << target;
    }
  }
}

}  // namespace
}  // namespace modelfloat
