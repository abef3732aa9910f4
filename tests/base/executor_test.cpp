#include "modelfloat/base/executor.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <latch>
#include <new>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/thread.h"

namespace modelfloat {
namespace {

TEST(InlineExecutorTest, RunsOnTheCallingThread) {
  InlineExecutor executor;
  std::thread::id seen;
  executor.submit([&] { seen = std::this_thread::get_id(); });
  EXPECT_EQ(seen, std::this_thread::get_id());
  EXPECT_EQ(executor.width(), 1U);
}

TEST(ThreadPoolTest, RunsAsManyAtOnceAsItIsWide) {
  ThreadPool pool(3);
  std::latch together(3);  // passed only when three tasks run at the same time
  std::vector<std::future<void>> results;
  for (int i = 0; i < 3; ++i) results.push_back(pool.async([&] { together.arrive_and_wait(); }));
  for (auto& result : results) result.get();
  EXPECT_EQ(pool.width(), 3U);
}

TEST(ThreadPoolTest, TheDestructorRunsWhatIsQueued) {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) pool.submit([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

// Leaves room for only a few more threads; 0 when a pool that wants more of them ends with the
// Error for it.
int make_too_large_a_pool() {
  // Who has no other processes.
  const auto user = static_cast<uid_t>(100'000 + ::getpid() % 1'000'000);
  if (::setresuid(user, user, user) != 0) return 2;
  std::size_t tasks = 3;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task")) ++tasks;
  const rlimit limit{tasks, tasks};
  if (::setrlimit(RLIMIT_NPROC, &limit) != 0) return 2;
  ::alarm(30);  // it hung
  try {
    const ThreadPool pool(8);
    return 3;
  } catch (const Error& error) {
    return error.kind == ErrorKind::transient ? 0 : 4;
  }
}

// Its destructor does not run then: threads that wait for tasks were joined for ever.
TEST(ThreadPoolTest, EndsTheThreadsThatRunWhenTheNextCannotBeStarted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become a user without other processes";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(make_too_large_a_pool());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "signal " << WTERMSIG(status) << ", exit code " << WEXITSTATUS(status);
}

TEST(ThreadTest, ThatCannotBeStartedIsAnErrorThatSaysWhatToRaise) {
  const std::system_error failure(EAGAIN, std::generic_category());
  try {
    throw_no_thread(failure);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::transient);
    EXPECT_NE(std::string(error.what()).find("ulimit -u"), std::string::npos) << error.what();
  }
}

// As std::bad_alloc comes out of a real one.
class RefusingExecutor final : public Executor {
 public:
  void submit(Job) override { throw std::bad_alloc(); }
  std::size_t width() const noexcept override { return 1; }
  bool is_concurrent() const noexcept override { return true; }
};

TEST(TaskGroupTest, DoesNotWaitForATaskThatWasNeverQueued) {
  RefusingExecutor refusing;
  TaskGroup group(refusing, 2);
  EXPECT_THROW(group.run([] {}), std::bad_alloc);
  group.wait();
}

TEST(ExecutorTest, ValuesAndErrorsComeThroughTheFuture) {
  ThreadPool pool(2);
  EXPECT_EQ(pool.async([] { return 42; }).get(), 42);
  EXPECT_EQ(*pool.async([] { return std::make_unique<int>(7); }).get(), 7);
  auto failed = pool.async([]() -> int { throw Error(ErrorKind::corrupt, "x", "y"); });
  EXPECT_THROW(failed.get(), Error);
}

TEST(TaskGroupTest, NeverMoreThanTheLimitAtOnce) {
  ThreadPool pool(4);
  TaskGroup group(pool, 2);
  std::atomic<int> active = 0;
  std::atomic<int> most = 0;
  for (int i = 0; i < 200; ++i) {
    group.run([&] {
      const int now = ++active;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::yield();
      --active;
    });
  }
  group.wait();
  EXPECT_EQ(active, 0);
  EXPECT_LE(most, 2);
}

TEST(TaskGroupTest, TheFirstFailureComesOutAndStopsWhatFollows) {
  InlineExecutor executor;
  TaskGroup group(executor, 4);
  bool ran = false;
  group.run([] { throw Error(ErrorKind::corrupt, "first", ""); });
  try {
    group.run([&] { ran = true; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where, "first");
  }
  EXPECT_FALSE(ran);
  group.wait();  // said once
  group.run([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(TaskGroupTest, WaitThrowsOnlyWhenAllHaveEnded) {
  ThreadPool pool(4);
  TaskGroup group(pool, 4);
  std::atomic<int> ended = 0;
  std::latch failed(1);
  group.run([&] {
    failed.count_down();
    throw Error(ErrorKind::transient, "early", "");
  });
  bool refused = false;
  for (int i = 0; i < 3 && !refused; ++i) {
    try {
      group.run([&] {
        failed.wait();
        ++ended;
      });
    } catch (const Error&) {
      refused = true;  // the failure was seen before this task was taken
    }
  }
  if (!refused) {
    EXPECT_THROW(group.wait(), Error);
    EXPECT_EQ(ended, 3);
  }
}

TEST(TaskGroupTest, TheDestructorWaitsAndForgetsFailures) {
  ThreadPool pool(2);
  std::atomic<int> ended = 0;
  {
    TaskGroup group(pool, 4);
    for (int i = 0; i < 4; ++i) {
      group.run([&] {
        std::this_thread::yield();
        ++ended;
      });
    }
  }
  EXPECT_EQ(ended, 4);
  TaskGroup failing(pool, 1);
  failing.run([] { throw Error(ErrorKind::transient, "x", ""); });
}

}  // namespace
}  // namespace modelfloat
