#pragma once
// For providers that cannot replace an object in one step.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store {

// Lets one caller at a time through for each key, and obeys stop and deadline while others wait. Shared by all threads.
class Turns {
 public:
  class Held {
   public:
    Held(Turns& turns, std::string key) : turns_(turns), key_(std::move(key)) {}
    ~Held() {
      {
        const std::lock_guard lock(turns_.mutex_);
        turns_.taken_.erase(key_);
      }
      turns_.changed_.notify_all();
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    Turns& turns_;
    const std::string key_;
  };

  // Throws Error{cancelled} and Error{timed_out}.
  Held take(const std::string& key, const CallOptions& options, const std::string& where) {
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

// Where an object is replaced by removing and adding it, its name stands for nothing in between. Readers of the same store that look through
// this see the old or the new object all the same. Shared by all threads.
class Replacement {
 public:
  // Runs `replace`, one at a time.
  template <typename Replace>
  void run(const CallOptions& options, const std::string& where, Replace replace) {
    const auto held = turns_.take({}, options, where);
    ++steps_;
    try {
      replace();
    } catch (...) {
      ++steps_;
      throw;
    }
    ++steps_;
  }

  // What `look` finds, an optional. Looks once more, with nothing being replaced, when something was while it found nothing or failed with
  // Error{transient}: a provider's answer may end in its middle when the object goes.
  template <typename Look>
  auto look(const CallOptions& options, const std::string& where, Look look) -> decltype(look()) {
    const unsigned before = steps_;
    const auto is_undisturbed = [&] { return before % 2 == 0 && steps_ == before; };
    try {
      auto found = look();
      if (found || is_undisturbed()) return found;
    } catch (const Error& error) {
      if (error.kind != ErrorKind::transient || is_undisturbed()) throw;
    }
    const auto held = turns_.take({}, options, where);
    return look();
  }

 private:
  Turns turns_;
  std::atomic<unsigned> steps_ = 0;  // odd while something is being replaced
};

}  // namespace modelfloat::store
