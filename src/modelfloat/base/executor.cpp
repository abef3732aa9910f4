#include "modelfloat/base/executor.h"

#include <utility>

#include "modelfloat/base/thread.h"

namespace modelfloat {

ThreadPool::ThreadPool(std::size_t threads) {
  threads_.reserve(threads);
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.push_back(start_thread([this] { work(); }));
  } catch (...) {  // no destructor runs for what never was whole: the threads would wait for ever
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wake_.notify_all();
    threads_.clear();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_all();
  threads_.clear();  // joins, while the queue that they empty still exists
}

void ThreadPool::submit(Job task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ThreadPool::work() {
  for (;;) {
    Job task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

TaskGroup::~TaskGroup() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return active_ == 0; });
}

void TaskGroup::run(Job task) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return active_ < limit_ || failure_; });
    rethrow_failure(lock);
    ++active_;
  }
  const auto end = [this](const std::exception_ptr& failure) {
    const std::lock_guard lock(mutex_);
    if (failure && !failure_) failure_ = failure;
    --active_;
    changed_.notify_all();  // under the lock: the group may be gone as soon as the lock is
  };
  try {
    executor_.submit([end, task = std::move(task)]() mutable {
      std::exception_ptr failure;
      try {
        task();
      } catch (...) {
        failure = std::current_exception();
      }
      task = nullptr;  // what it holds goes before the group is told that it ended
      end(failure);
    });
  } catch (...) {  // it never became a task: nobody may wait for its end
    end(nullptr);
    throw;
  }
}

void TaskGroup::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return active_ == 0; });
  rethrow_failure(lock);
}

void TaskGroup::rethrow_failure(std::unique_lock<std::mutex>& lock) {
  if (!failure_) return;
  changed_.wait(lock, [this] { return active_ == 0; });
  std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace modelfloat
