#pragma once
// Executors run tasks. The engine uses this interface only, so that the same code runs on thread
// pools in production, and on the calling thread alone in a simulation.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "modelfloat/base/unique_function.h"

namespace modelfloat {

// What an executor runs, once. It is freed soon after that, on the thread that ran it.
using Job = UniqueFunction<void()>;

// Runs tasks. All methods may be called from many threads. A task must not throw, and must not
// wait for another task of the same executor.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void submit(Job task) = 0;
  // The largest number of tasks that run at once; at least 1.
  virtual std::size_t width() const noexcept = 0;
  // Whether tasks run while the thread that submits them goes on. If not, they run when they are
  // submitted, or while that thread waits by the Clock.
  virtual bool is_concurrent() const noexcept = 0;

  // Runs `call` as a task. The future gets its return value or its exception.
  template <typename Call>
  auto async(Call call) -> std::future<decltype(call())> {
    std::packaged_task<decltype(call())()> task(std::move(call));
    auto result = task.get_future();
    submit(std::move(task));
    return result;
  }
};

// Runs every task at once on the thread that submits it.
class InlineExecutor final : public Executor {
 public:
  void submit(Job task) override { task(); }
  std::size_t width() const noexcept override { return 1; }
  bool is_concurrent() const noexcept override { return false; }
};

// A fixed number of threads and an unbounded queue. The code that submits tasks must limit their
// number (as TaskGroup does). The destructor runs all queued tasks first.
class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(std::size_t threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void submit(Job task) override;
  std::size_t width() const noexcept override { return threads_.size(); }
  bool is_concurrent() const noexcept override { return true; }

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> tasks_;
  bool closed_ = false;
  std::vector<std::jthread> threads_;
};

// Tasks that belong together: at most `limit` are queued or running at once, and the first
// exception among them comes out of wait() or of the next run(). Used by one thread; the tasks run
// on the executor.
class TaskGroup {
 public:
  TaskGroup(Executor& executor, std::size_t limit) : executor_(executor), limit_(limit) {}
  ~TaskGroup();  // waits for the tasks and forgets their failures
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Blocks while the group is full. Throws what an earlier task threw, without running `task`.
  void run(Job task);
  // Returns when all tasks have ended; throws what the first failed one threw.
  void wait();

 private:
  void rethrow_failure(std::unique_lock<std::mutex>& lock);

  Executor& executor_;
  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t active_ = 0;
  std::exception_ptr failure_;
};

}  // namespace modelfloat
