#pragma once
// A mutex for each key.

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store {

// Lets one caller at a time hold each key. Waiting ends at a stop or the deadline. Any thread may
// call lock().
class KeyedMutex {
 public:
  class Held {
   public:
    Held(KeyedMutex& mutexes, std::string key) : mutexes_(mutexes), key_(std::move(key)) {}
    ~Held() {
      {
        const std::lock_guard lock(mutexes_.mutex_);
        mutexes_.taken_.erase(key_);
      }
      mutexes_.changed_.notify_all();
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    KeyedMutex& mutexes_;
    const std::string key_;
  };

  // Waits until nobody holds the key and returns the lock, which is released when it is destroyed.
  // Throws Error{cancelled} on a stop and Error{timed_out} at the deadline.
  Held lock(const std::string& key, const CallOptions& options, const std::string& where) {
    std::unique_lock lock(mutex_);
    const auto is_free = [&] { return !taken_.contains(key); };
    const bool got = options.deadline ? changed_.wait_until(lock, options.stop, *options.deadline, is_free)
                                      : changed_.wait(lock, options.stop, is_free);
    if (!got) {
      check_cancelled(options, where);
      throw Error(ErrorKind::timed_out, where, "the deadline passed");
    }
    taken_.insert(key);
    return Held(*this, key);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::string> taken_;
};

}  // namespace modelfloat::store
