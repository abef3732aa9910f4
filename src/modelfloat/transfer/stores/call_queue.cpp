#include "modelfloat/transfer/stores/call_queue.h"

#include <algorithm>
#include <utility>

namespace modelfloat::transfer {

void CallQueue::submit(Job task) {
  {
    const std::lock_guard lock(mutex_);
    if (running_ == limit_) {
      waiting_.push_back(std::move(task));
      return;
    }
    ++running_;
  }
  start(std::move(task));
}

void CallQueue::start(Job task) {
  io_.submit([queue = shared_from_this(), task = std::move(task)]() mutable {
    task();
    task = nullptr;  // free what it holds before the next one starts
    queue->ended();
  });
}

void CallQueue::ended() {
  Job next;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --running_;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  start(std::move(next));
}

std::size_t queue_width(std::size_t parallel_calls, std::size_t executor_width) {
  return std::max<std::size_t>(1, std::min(parallel_calls, executor_width / 4));
}

}  // namespace modelfloat::transfer
