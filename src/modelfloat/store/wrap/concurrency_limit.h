#pragma once
// A limit on how many callers run at once. Callers that wait are admitted in order of arrival.

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>

#include "modelfloat/base/cancel.h"

namespace modelfloat::store {

// Any thread may use it.
class ConcurrencyLimit {
 public:
  // `clock` outlives it.
  ConcurrencyLimit(std::size_t width, Clock& clock) : clock_(clock), free_(width) {}

  // Held by a caller while it runs; the destructor admits the next one.
  class Pass {
   public:
    // Waits to be admitted. Throws Error{timed_out} at the deadline and Error{cancelled} on a stop;
    // both name `where`.
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
  // Each caller waits for its own condition variable, so that leaving wakes one thread and not all.
  struct Waiting {
    std::condition_variable_any called;
    bool admitted = false;
  };

  void enter(const CallOptions& options, const std::string& where);
  void leave();

  Clock& clock_;
  std::mutex mutex_;
  std::size_t free_;             // guarded, like the next
  std::list<Waiting*> waiting_;  // in order of arrival
};

}  // namespace modelfloat::store
