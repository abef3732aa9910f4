// Locks, many processes, and processes that die.
#include <thread>

#include "support/registry_samples.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::registry {
namespace {

using namespace test;

class SqliteSharingTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "registry.db";
};

// A process that runs `work` and ends with 0, or with 1 when it threw.
template <typename Work>
pid_t start_process(const Work& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work();
    ::_exit(0);
  } catch (const std::exception& error) {
    static_cast<void>(!::write(STDERR_FILENO, error.what(), std::strlen(error.what())));
    ::_exit(1);
  }
}

int status_of(pid_t child) {
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST_F(SqliteSharingTest, WriterThatWaitsTooLongIsToldToTryAgain) {
  const auto registry = open_sqlite_registry(file_, Milliseconds(20));
  const auto other_program = open_sqlite_registry(file_, Milliseconds(20));
  registry->transaction([&] {
    registry->set_setting("a", as_bytes("1"));
    EXPECT_EQ(error_of([&] { other_program->set_setting("b", as_bytes("1")); }), ErrorKind::transient);
    EXPECT_EQ(other_program->setting("b"), std::nullopt);
    std::jthread([&] {
      EXPECT_EQ(error_of([&] { registry->set_setting("c", as_bytes("1")); }), ErrorKind::transient);
    }).join();
  });
  other_program->set_setting("b", as_bytes("1"));
  EXPECT_NE(registry->setting("a"), std::nullopt);
  EXPECT_NE(registry->setting("b"), std::nullopt);
  EXPECT_EQ(registry->setting("c"), std::nullopt);
}

TEST_F(SqliteSharingTest, ManyProcessesMakeItAndWriteAtOnce) {
  std::vector<pid_t> children;
  for (std::uint64_t p = 0; p < 4; ++p) {
    children.push_back(start_process([&, p] {
      const auto registry = open_sqlite_registry(file_);
      for (std::uint64_t i = 0; i < 20; ++i) add(*registry, sample_pack(100 * p + i));
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  const auto registry = open_sqlite_registry(file_);
  for (std::uint64_t p = 0; p < 4; ++p) {
    for (std::uint64_t i = 0; i < 20; ++i) EXPECT_TRUE(is_whole(*registry, sample_pack(100 * p + i)));
  }
  // Nothing is left of the making.
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("registry.db")) << entry.path();
    EXPECT_EQ(entry.path().string().find(".new"), std::string::npos) << entry.path();
  }
}

// The child tells the number of each pack once add_pack has returned, and is killed after `reports`
// of them.
std::uint64_t kill_while_adding(const std::filesystem::path& file, std::uint64_t first, std::uint64_t reports) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = start_process([&] {
    const auto registry = open_sqlite_registry(file);
    for (std::uint64_t n = first;; ++n) {
      add(*registry, sample_pack(n));
      if (::write(pipe[1], &n, sizeof n) != sizeof n) return;
    }
  });
  ::close(pipe[1]);
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < reports; ++i) EXPECT_EQ(::read(pipe[0], &last, sizeof last), ssize_t{sizeof last});
  ::kill(child, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(status_of(child)));
  while (::read(pipe[0], &last, sizeof last) == ssize_t{sizeof last}) {
  }
  ::close(pipe[0]);
  return last;
}

TEST_F(SqliteSharingTest, KilledProcessLeavesWholePacksOnly) {
  open_sqlite_registry(file_);
  std::uint64_t next = 0;
  for (std::uint64_t round = 1; round <= 12; ++round) {
    const std::uint64_t last = kill_while_adding(file_, next, round * 3);
    const auto registry = open_sqlite_registry(file_);
    for (std::uint64_t n = next; n <= last; ++n) ASSERT_TRUE(is_whole(*registry, sample_pack(n))) << n;
    // The one that was under way is there as a whole or not at all.
    const SamplePack cut_off = sample_pack(last + 1);
    if (registry->pack(cut_off.pack.id)) {
      EXPECT_TRUE(is_whole(*registry, cut_off));
    } else {
      for (const auto& fragment : cut_off.fragments) EXPECT_TRUE(registry->find_fragment(fragment.id).empty());
    }
    next = last + 1;
  }
}

}  // namespace
}  // namespace modelfloat::registry
