#pragma once
// So many at once, in the order of coming.

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>

#include "modelfloat/base/cancel.h"

namespace modelfloat::store {

// Shared by threads.
class ConcurrencyLimit {
 public:
  // `clock` outlives it.
  ConcurrencyLimit(std::size_t width, Clock& clock) : clock_(clock), free_(width) {}

  // Held while somebody is inside.
  class Pass {
   public:
    // Waits. Error{timed_out} when the deadline passes first, Error{cancelled} on a stop; both name
    // `where`.
    Pass(ConcurrencyLimit& limit, const CallOptions& options, const std::string& where) : limit_(limit) {
      limit.enter(options, where);
    }
    ~Pass() { limit_.leave(); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    ConcurrencyLimit& limit_;
  };

 private:
  // Each waits for its own flag, so that leaving wakes one thread and not all.
  struct Waiting {
    std::condition_variable_any called;
    bool admitted = false;
  };

  void enter(const CallOptions& options, const std::string& where);
  void leave();

  Clock& clock_;
  std::mutex mutex_;
  std::size_t free_;             // guarded, like the next
  std::list<Waiting*> waiting_;  // the first has come first
};

}  // namespace modelfloat::store
