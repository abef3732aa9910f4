#pragma once
// The calls to one store, so many at once at the most: a store that hangs holds up its own calls
// and not the threads of all.

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include "modelfloat/base/executor.h"

namespace modelfloat::transfer {

// Shared by threads, and owned together by everyone who still has a task in it: tasks may outlive
// whoever submitted them.
class CallQueue : public std::enable_shared_from_this<CallQueue> {
 public:
  // `io` outlives every task.
  CallQueue(Executor& io, std::size_t limit) : io_(io), limit_(limit) {}

  // Runs the task on the executor as soon as fewer than `limit` others of this queue are running
  // there. It must not throw.
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

// How many calls to a store may be under way: what it can use, and at most a quarter of the
// executor, so that three stores that hang leave room for the others.
std::size_t queue_width(std::size_t parallel_calls, std::size_t executor_width);

}  // namespace modelfloat::transfer
