#pragma once
// The queue of the calls to one store. It limits how many of them run at once, so that a store that
// hangs blocks its own calls only, and not all threads of the executor.

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include "modelfloat/base/executor.h"

namespace modelfloat::transfer {

// Any thread may call submit(). Owned by shared_ptr: every task that is submitted holds one, so a
// queue lives until its last task has ended, even when its StoreSet is gone.
class CallQueue : public std::enable_shared_from_this<CallQueue> {
 public:
  // `io` outlives every task.
  CallQueue(Executor& io, std::size_t limit) : io_(io), limit_(limit) {}

  // Runs the task on the executor as soon as fewer than `limit` tasks of this queue are running.
  // Returns at once. The task must not throw.
  void submit(Job task);

 private:
  void start(Job task);
  void ended();

  Executor& io_;
  const std::size_t limit_;
  std::mutex mutex_;  // guards all below
  std::size_t running_ = 0;
  std::deque<Job> waiting_;
};

// How many calls to one store may run at once: as many as it can use, but at most a quarter of the
// executor's threads, so that three stores that hang leave threads for the others.
std::size_t queue_width(std::size_t parallel_calls, std::size_t executor_width);

}  // namespace modelfloat::transfer
