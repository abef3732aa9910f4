#include "modelfloat/base/file_lock.h"

#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace modelfloat {
namespace {

TEST(FileLock, OneHoldsItUntilItIsGone) {
  const test::TemporaryFolder folder;
  auto lock = FileLock::try_take(folder / "lock");
  ASSERT_TRUE(lock);
  EXPECT_FALSE(FileLock::try_take(folder / "lock")) << "not even in the same process";
  EXPECT_TRUE(FileLock::try_take(folder / "other"));
  struct stat info{};
  ASSERT_EQ(::stat((folder / "lock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
  lock.reset();
  EXPECT_TRUE(FileLock::try_take(folder / "lock"));
}

TEST(FileLock, ItIsFreeWhenItsProcessWasKilled) {
  const test::TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FileLock::try_take(folder / "lock");
    const char told = lock ? 'y' : 'n';
    if (::write(ready[1], &told, 1) == 1) ::pause();
    ::_exit(1);
  }
  char told = 0;
  ASSERT_EQ(::read(ready[0], &told, 1), 1);
  EXPECT_EQ(told, 'y');
  EXPECT_FALSE(FileLock::try_take(folder / "lock"));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(FileLock::try_take(folder / "lock"));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FileLock, AFolderThatIsMissingIsAnError) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(test::kind_thrown([&] { (void)FileLock::try_take(folder / "no/lock"); }), ErrorKind::not_found);
}

}  // namespace
}  // namespace modelfloat
