#include "modelfloat/store/wrap/concurrency_limit.h"

namespace modelfloat::store {

void ConcurrencyLimit::enter(const CallOptions& options, const std::string& where) {
  std::unique_lock lock(mutex_);
  check_cancelled(options, clock_, where);
  if (free_ > 0) {  // then nobody waits
    --free_;
    return;
  }
  Waiting mine;
  const auto place = waiting_.insert(waiting_.end(), &mine);
  clock_.wait_until(mine.called, lock, options.stop, options.deadline.value_or(SteadyTime::max()),
                    [&] { return mine.admitted; });
  if (mine.admitted) return;  // already removed from the list
  waiting_.erase(place);
  lock.unlock();
  if (options.stop.stop_requested()) throw Error(ErrorKind::cancelled, where, "stopped on request");
  throw Error(ErrorKind::timed_out, where, "the deadline passed before the store had a free connection");
}

void ConcurrencyLimit::leave() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  Waiting* next = waiting_.front();
  waiting_.pop_front();
  next->admitted = true;
  next->called.notify_one();  // under the lock: once it is out, the waiting one may be gone
}

}  // namespace modelfloat::store
