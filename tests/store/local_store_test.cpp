#include "modelfloat/store/local/local_store.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "support/file_size_limit.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_context.h"
#include "support/store_suite.h"
#include "support/temporary_folder.h"
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat::test {
namespace {

namespace fs = std::filesystem;
using store::make_local_store;
using testing::HasSubstr;

template <typename Work>
Error error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(ErrorKind::internal, "", "");
}

class LocalStore : public testing::Test {
 protected:
  fs::path file_of(const ObjectName& name) const { return folder_ / name.path(); }

  // Every file below the folder, objects or not.
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) count += entry.is_directory() ? 0 : 1;
    return count;
  }
  std::size_t listed() {
    std::size_t count = 0;
    store_->list("", [&](const store::ObjectInfo&) { ++count; }, k_no_deadline);
    return count;
  }

  TemporaryFolder folder_;
  std::unique_ptr<store::Store> store_ = make_local_store(folder_.path());
  const ObjectName name_ = shard_name(1);
  const Bytes bytes_ = random_bytes(3'000'000);
};

TEST_F(LocalStore, AnObjectIsTheFileOfItsName) {
  store_->put(name_, bytes_, k_no_deadline);
  EXPECT_EQ(fs::file_size(file_of(name_)), bytes_.size());
  EXPECT_EQ(files(), 1U);
}

TEST_F(LocalStore, MissingFolderIsOfflineAndIsNeverMade) {
  const fs::path folder = folder_ / "not mounted";
  const auto store = make_local_store(folder);
  const auto sink = [](const store::ObjectInfo&) {};
  for (const Error& error :
       {error_of([&] { store->put(name_, bytes_, k_no_deadline); }),
        error_of([&] { store->get(name_, k_all, k_no_deadline); }),
        error_of([&] { store->stat(name_, k_no_deadline); }), error_of([&] { store->remove(name_, k_no_deadline); }),
        error_of([&] { store->list("", sink, k_no_deadline); }),
        error_of([&] { store->list("x", sink, k_no_deadline); }), error_of([&] { store->space(k_no_deadline); })}) {
    EXPECT_EQ(error.kind, ErrorKind::offline);
    EXPECT_THAT(error.where, HasSubstr(folder.string()));
  }
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(LocalStore, AFileInPlaceOfTheFolderIsOffline) {
  std::ofstream(folder_ / "file") << "x";
  EXPECT_EQ(error_of([&] { make_local_store(folder_ / "file")->stat(name_, k_no_deadline); }).kind, ErrorKind::offline);
}

TEST_F(LocalStore, AFolderThatComesBackIsTheSameStore) {
  store_->put(name_, bytes_, k_no_deadline);
  const fs::path away = folder_.path().string() + "-away";
  fs::rename(folder_.path(), away);
  EXPECT_EQ(error_of([&] { store_->get(name_, k_all, k_no_deadline); }).kind, ErrorKind::offline);
  fs::rename(away, folder_.path());
  EXPECT_TRUE(store_->get(name_, k_all, k_no_deadline) == bytes_);
}

TEST_F(LocalStore, PrepareMakesTheFolderAndItsParents) {
  const auto prepare = [this](const char* folder) {
    RealContext context;
    ListeningDialogue dialogue;
    store::StoreSettings settings;
    store::local_scheme().prepare((folder_ / folder).string(), settings, context.context(), dialogue, k_no_deadline);
  };
  prepare("a/b/c");
  prepare("a/b/c");
  EXPECT_TRUE(fs::is_directory(folder_ / "a/b/c"));
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THROW(prepare("file"), Error);
  EXPECT_THROW(prepare("file/below"), Error);
}

TEST_F(LocalStore, ATruncatedFileIsCorruptWhereItIsShort) {
  store_->put(name_, bytes_, k_no_deadline);
  fs::resize_file(file_of(name_), 1'000'000);
  EXPECT_TRUE(store_->get(name_, {0, 1'000'000}, k_no_deadline));
  const Error error = error_of([&] { store_->get(name_, {0, bytes_.size()}, k_no_deadline); });
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_THAT(error.where, HasSubstr(file_of(name_).string()));
  EXPECT_EQ(store_->stat(name_, k_no_deadline)->size_bytes, 1'000'000U);
  store_->put(name_, bytes_, k_no_deadline);
  EXPECT_TRUE(store_->get(name_, k_all, k_no_deadline) == bytes_);
}

TEST_F(LocalStore, EqualBytesAreNotWrittenAgain) {
  store_->put(name_, bytes_, k_no_deadline);
  struct stat before{};
  struct stat after{};
  ASSERT_EQ(::stat(file_of(name_).c_str(), &before), 0);
  store_->put(name_, bytes_, k_no_deadline);
  ASSERT_EQ(::stat(file_of(name_).c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  Bytes other = bytes_;
  other.back() ^= std::byte{1};
  store_->put(name_, other, k_no_deadline);
  EXPECT_TRUE(store_->get(name_, k_all, k_no_deadline) == other);
}

TEST_F(LocalStore, AFolderInPlaceOfAnObjectIsCorruptAndIsNotListed) {
  fs::create_directories(file_of(name_));
  for (const Error& error : {error_of([&] { store_->get(name_, k_all, k_no_deadline); }),
                             error_of([&] { store_->stat(name_, k_no_deadline); }),
                             error_of([&] { store_->put(name_, bytes_, k_no_deadline); }),
                             error_of([&] { store_->remove(name_, k_no_deadline); })}) {
    EXPECT_EQ(error.kind, ErrorKind::corrupt);
    EXPECT_THAT(error.where, HasSubstr(name_.path()));
  }
  EXPECT_EQ(listed(), 0U);
  EXPECT_EQ(files(), 0U);
}

TEST_F(LocalStore, AFileInPlaceOfAFolderIsCorrupt) {
  std::ofstream(folder_ / "mf1") << "x";
  EXPECT_EQ(error_of([&] { store_->get(name_, k_all, k_no_deadline); }).kind, ErrorKind::corrupt);
  EXPECT_EQ(error_of([&] { store_->stat(name_, k_no_deadline); }).kind, ErrorKind::corrupt);
  EXPECT_EQ(error_of([&] { store_->put(name_, bytes_, k_no_deadline); }).kind, ErrorKind::corrupt);
}

TEST_F(LocalStore, LinksPipesAndSocketsAreNotFollowedAndAreReplaced) {
  TemporaryFolder elsewhere;
  std::ofstream(elsewhere / "secret") << "secret";
  fs::create_directories(file_of(name_).parent_path());
  const auto make_link = [&] { fs::create_symlink(elsewhere / "secret", file_of(name_)); };
  const auto make_dangling = [&] { fs::create_symlink(elsewhere / "nothing", file_of(name_)); };
  const auto make_pipe = [&] { ASSERT_EQ(::mkfifo(file_of(name_).c_str(), 0600), 0); };
  for (const std::function<void()>& make :
       {std::function<void()>(make_link), std::function<void()>(make_dangling), std::function<void()>(make_pipe)}) {
    make();
    EXPECT_EQ(error_of([&] { store_->get(name_, k_all, k_no_deadline); }).kind, ErrorKind::corrupt);
    EXPECT_EQ(error_of([&] { store_->stat(name_, k_no_deadline); }).kind, ErrorKind::corrupt);
    EXPECT_EQ(listed(), 0U);
    store_->put(name_, bytes_, k_no_deadline);
    EXPECT_TRUE(store_->get(name_, k_all, k_no_deadline) == bytes_);
    EXPECT_EQ(fs::file_size(elsewhere / "secret"), 6U);
    EXPECT_FALSE(fs::exists(elsewhere / "nothing"));
    store_->remove(name_, k_no_deadline);
  }
}

TEST_F(LocalStore, ForeignFilesArePassedOver) {
  store_->put(name_, bytes_, k_no_deadline);
  for (const char* path : {"notes.txt", "mf1/notes.txt", "mf1/shard/notes.txt", "mf1/shard/ab/notes.txt",
                           "mf1/other/ab/x", "mf1/shard/ab/deeper/x", ".hidden/x"}) {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << "x";
  }
  EXPECT_EQ(listed(), 1U);
}

TEST_F(LocalStore, WhatAKilledPutLeftIsNotListedAndGoesAfterADay) {
  store_->put(name_, bytes_, k_no_deadline);
  const fs::path folder = file_of(name_).parent_path();
  const fs::path fresh = folder / ("." + std::string(32, 'a') + ".tmp");
  const fs::path stale = folder / ("." + std::string(32, 'b') + ".tmp");
  const fs::path foreign = folder / ".someone.tmp";
  for (const fs::path& path : {fresh, stale, foreign}) std::ofstream(path) << "half an obj";
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(25);
  fs::last_write_time(stale, long_ago);
  fs::last_write_time(foreign, long_ago);
  EXPECT_EQ(listed(), 1U);
  EXPECT_TRUE(fs::exists(fresh));
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(foreign));
}

TEST_F(LocalStore, AStopDuringAPutLeavesNothing) {
  // Whenever the stop comes, the put either ended well or left nothing.
  for (int i = 0; i < 20; ++i) {
    std::stop_source stop;
    CallOptions options;
    options.stop = stop.get_token();
    const ObjectName name = shard_name(100 + static_cast<std::uint64_t>(i));
    std::jthread stopper([&] { stop.request_stop(); });
    bool done = true;
    try {
      store_->put(name, bytes_, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::cancelled);
      done = false;
    }
    EXPECT_EQ(fs::exists(file_of(name)), done);
    store_->remove(name, k_no_deadline);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(LocalStore, AFullDiskIsOutOfSpaceAndLeavesTheOldObject) {
  const Bytes old = random_bytes(1000, 7);
  store_->put(name_, old, k_no_deadline);
  {
    const FileSizeLimit limit(1'500'000);
    const Error error = error_of([&] { store_->put(name_, bytes_, k_no_deadline); });
    EXPECT_EQ(error.kind, ErrorKind::out_of_space);
    EXPECT_THAT(error.where, HasSubstr(name_.path()));
    EXPECT_EQ(error_of([&] { store_->put(shard_name(2), bytes_, k_no_deadline); }).kind, ErrorKind::out_of_space);
  }
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(store_->get(name_, k_all, k_no_deadline), old);
}

TEST_F(LocalStore, AFolderThatMayNotBeWrittenIsDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  store_->put(name_, bytes_, k_no_deadline);
  fs::permissions(file_of(name_).parent_path(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(error_of([&] { store_->put(name_, random_bytes(10), k_no_deadline); }).kind, ErrorKind::denied);
  EXPECT_EQ(error_of([&] { store_->remove(name_, k_no_deadline); }).kind, ErrorKind::denied);
  EXPECT_TRUE(store_->get(name_, k_all, k_no_deadline) == bytes_);
  EXPECT_NO_THROW(store_->put(name_, bytes_, k_no_deadline)) << "equal bytes need no writing";
  fs::permissions(file_of(name_).parent_path(), fs::perms::owner_all);
}

// Runs the work as a user whom permissions bind, in a process of its own: true when the work says
// so.
bool as_nobody(const std::function<bool()>& work) {
  constexpr unsigned k_nobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = ::geteuid() != 0 || (::setgid(k_nobody) == 0 && ::setuid(k_nobody) == 0);
    try {
      good = good && work();
    } catch (...) {
      good = false;
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(LocalStore, AFolderThatMayNotBeReadHidesNothingElseAndFailsTheListingAtItsEnd) {
  store_->put(name_, bytes_, k_no_deadline);
  const ObjectName other = shard_name(2);
  ASSERT_NE(file_of(other).parent_path(), file_of(name_).parent_path());
  store_->put(other, bytes_, k_no_deadline);
  store_->put(ObjectName::marker(), bytes_, k_no_deadline);
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(file_of(name_).parent_path(), fs::perms::none);
  const bool good = as_nobody([&] {
    std::set<ObjectName> found;
    const Error error = error_of(
        [&] { store_->list("", [&](const store::ObjectInfo& info) { found.insert(info.name); }, k_no_deadline); });
    return found == std::set<ObjectName>{other, ObjectName::marker()} && error.kind == ErrorKind::denied &&
           error.where == file_of(name_).parent_path().string() + "/";
  });
  fs::permissions(file_of(name_).parent_path(), fs::perms::owner_all);
  EXPECT_TRUE(good) << "an incomplete list would look like lost objects";
}

TEST_F(LocalStore, AFileSystemThatCannotSyncFoldersTakesObjects) {
  for (const int refusal : {EINVAL, ENOTSUP, ENOSYS, EBADF}) {
    static int with = 0;
    with = refusal;
    const store::DiskSync sync{.folder = [](int) {
      errno = with;
      return -1;
    }};
    const auto store = make_local_store(folder_.path(), sync);
    EXPECT_NO_THROW(store->put(name_, bytes_, k_no_deadline)) << refusal;
    EXPECT_NO_THROW(store->put(name_, bytes_, k_no_deadline)) << refusal;
    EXPECT_TRUE(store->get(name_, k_all, k_no_deadline) == bytes_);
    store->remove(name_, k_no_deadline);
    EXPECT_THAT(store::sync_limits(folder_.path(), sync), HasSubstr("cannot sync folders"));
  }
  EXPECT_EQ(store::sync_limits(folder_.path()), "");
  EXPECT_EQ(files(), 0U);
}

TEST_F(LocalStore, AFileSystemThatCannotSyncFilesTakesObjects) {
  const store::DiskSync sync{.file = [](int) {
    errno = EINVAL;
    return -1;
  }};
  const auto store = make_local_store(folder_.path(), sync);
  store->put(name_, bytes_, k_no_deadline);
  struct stat before{};
  struct stat after{};
  ASSERT_EQ(::stat(file_of(name_).c_str(), &before), 0);
  store->put(name_, bytes_, k_no_deadline);
  ASSERT_EQ(::stat(file_of(name_).c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino) << "equal bytes were written again";
  EXPECT_THAT(store::sync_limits(folder_.path(), sync), HasSubstr("cannot sync files:"));
}

TEST_F(LocalStore, ASyncThatFailsFailsThePut) {
  for (const int failure : {EIO, ENOSPC, EDQUOT}) {
    static int with = 0;
    with = failure;
    const auto fail = [](int) {
      errno = with;
      return -1;
    };
    const Error of_file =
        error_of([&] { make_local_store(folder_.path(), {.file = fail})->put(name_, bytes_, k_no_deadline); });
    const Error of_folder =
        error_of([&] { make_local_store(folder_.path(), {.folder = fail})->put(name_, bytes_, k_no_deadline); });
    EXPECT_THAT(of_file.what(), HasSubstr("cannot sync"));
    EXPECT_THAT(of_folder.what(), HasSubstr("cannot sync its folder"));
    EXPECT_THROW(store::sync_limits(folder_.path(), {.folder = fail}), Error);
  }
}

TEST_F(LocalStore, ATildeIsAHomeFolderNotAFolderOfThatName) {
  const auto canonical = [](std::string_view rest) { return store::local_scheme().canonical_rest(rest); };
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody sets any
  if (home == nullptr) GTEST_SKIP() << "HOME is not set";
  EXPECT_EQ(canonical("~/models"), (fs::path(home) / "models").lexically_normal());
  EXPECT_EQ(canonical("~/models/"), canonical("~/models"));
  EXPECT_EQ(canonical("~root/models"),
            fs::path(::getpwnam("root")->pw_dir) / "models");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(canonical("./~/models"), fs::current_path() / "~/models");
  EXPECT_EQ(canonical("models~"), fs::current_path() / "models~");
  const Error error = error_of([&] { canonical("~nobody-of-this-name/models"); });
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_THAT(error.what(), HasSubstr("no user nobody-of-this-name"));
}

}  // namespace
}  // namespace modelfloat::test
