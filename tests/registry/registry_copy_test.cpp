// A registry that can only be read is worked with as a copy.
#include "modelfloat/registry/sqlite/registry_copy.h"

#include <fstream>

#include "support/registry_samples.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat::registry {
namespace {

using namespace test;
namespace fs = std::filesystem;

class RegistryCopyTest : public testing::Test {
 protected:
  std::map<std::string, std::string> content() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      std::ifstream stream(entry.path(), std::ios::binary);
      files[entry.path().filename()] = {std::istreambuf_iterator<char>(stream), {}};
    }
    return files;
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_ / "registry.db";
};

TEST_F(RegistryCopyTest, HasWhatTheWriteAheadLogHasAndLeavesTheOriginalAlone) {
  const auto original = open_sqlite_registry(file_);
  original->set_setting("a", as_bytes("1"));
  const auto before = content();
  ASSERT_GT(before.at("registry.db-wal").size(), 0U);
  {
    const auto copy = open_registry_copy(file_);
    EXPECT_EQ(copy->setting("a"), to_bytes("1"));
    copy->set_setting("a", as_bytes("2"));
    copy->add_shard_place(sample_hash(1), sample_id<StoreId>(1));
    EXPECT_EQ(copy->setting("a"), to_bytes("2"));
  }
  EXPECT_EQ(content(), before);
  EXPECT_EQ(original->setting("a"), to_bytes("1"));
}

TEST_F(RegistryCopyTest, RefusesWhatMustNotBeForgotten) {
  open_sqlite_registry(file_);
  const auto copy = open_registry_copy(file_);
  std::string text;
  const std::vector<QueuedPut> puts{{sample_id<StoreId>(1), "mf1/log/x", {}}};
  EXPECT_EQ(error_of([&] { copy->queue_puts(puts); }, &text), ErrorKind::denied);
  EXPECT_NE(text.find(file_.string()), std::string::npos) << text;
  EXPECT_EQ(error_of([&] { copy->begin_push("ns/m", "latest", {}); }), ErrorKind::denied);
  EXPECT_EQ(error_of([&] { add(*copy, sample_pack(1)); }), ErrorKind::denied);
  EXPECT_EQ(error_of([&] { copy->add_token({"id", {}, "read", {}}); }), ErrorKind::denied);
  EXPECT_EQ(error_of([&] { copy->remove_token("id"); }), ErrorKind::denied);
  EXPECT_EQ(error_of([&] { copy->put_store_settings({}); }), ErrorKind::denied);
}

TEST(TemporaryRegistry, IsEmptyEachTimeAndTakesAll) {
  for (int i = 0; i < 2; ++i) {
    const auto registry = open_temporary_registry();
    const auto another = open_temporary_registry();
    EXPECT_EQ(registry->setting("a"), std::nullopt);
    registry->set_setting("a", as_bytes("1"));
    const std::vector<QueuedPut> puts{{sample_id<StoreId>(1), "mf1/log/x", {}}};
    registry->queue_puts(puts);
    EXPECT_EQ(registry->queued_puts().size(), 1U);
    EXPECT_EQ(another->setting("a"), std::nullopt);
  }
}

// Permissions do not bind the superuser.
bool as_nobody(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::geteuid() != 0 || (::setgid(65534) == 0 && ::setuid(65534) == 0);
    ::_exit(dropped && work() ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

TEST_F(RegistryCopyTest, IsWantedWhereTheFileOrItsFolderCannotBeWritten) {
  EXPECT_FALSE(is_read_only(file_));  // one that is not there can be made
  open_sqlite_registry(file_);
  EXPECT_FALSE(is_read_only(file_));
  fs::permissions(file_, fs::perms{0666});
  fs::permissions(folder_.path(), fs::perms{0555});
  EXPECT_TRUE(as_nobody([&] { return is_read_only(file_); }));
  fs::permissions(folder_.path(), fs::perms{0777});
  EXPECT_TRUE(as_nobody([&] { return !is_read_only(file_); }));
  fs::permissions(file_, fs::perms{0444});
  EXPECT_TRUE(as_nobody([&] { return is_read_only(file_); }));
}

}  // namespace
}  // namespace modelfloat::registry
