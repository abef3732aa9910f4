#pragma once
// Lets one thread at a time work on a name.

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "modelfloat/base/cancel.h"

namespace modelfloat::store::drive {

// Shared by all threads.
class NameGate {
 public:
  class Turn {
   public:
    Turn(NameGate& gate, std::string name) : gate_(gate), name_(std::move(name)) {}
    ~Turn() {
      const std::lock_guard lock(gate_.mutex_);
      gate_.taken_.erase(name_);
      gate_.changed_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    NameGate& gate_;
    const std::string name_;
  };

  // Waits until nobody else works on it. Throws as check_cancelled() does.
  [[nodiscard]] Turn enter(const std::string& name, const CallOptions& options) {
    constexpr Milliseconds k_look_around{1000};
    std::unique_lock lock(mutex_);
    while (taken_.contains(name)) {
      changed_.wait_for(lock, options.stop, k_look_around, [&] { return !taken_.contains(name); });
      check_cancelled(options, name);
    }
    taken_.insert(name);
    return {*this, name};
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::string> taken_;
};

}  // namespace modelfloat::store::drive
