#pragma once
// For providers that cannot replace an object in one step.

#include <atomic>
#include <string>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/keyed_mutex.h"

namespace modelfloat::store {

// Where an object is replaced by removing and adding it, its name stands for nothing in between.
// Readers of the same store that look through this see the old or the new object all the same.
// Shared by all threads.
class Replacement {
 public:
  // Runs `replace`, one at a time.
  template <typename Replace>
  void run(const CallOptions& options, const std::string& where, Replace replace) {
    const auto held = mutexes_.lock({}, options, where);
    ++steps_;
    try {
      replace();
    } catch (...) {
      ++steps_;
      throw;
    }
    ++steps_;
  }

  // What `look` finds, an optional. Looks once more, with nothing being replaced, when something
  // was while it found nothing or failed with Error{transient}: a provider's answer may end in its
  // middle when the object goes.
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
    const auto held = mutexes_.lock({}, options, where);
    return look();
  }

 private:
  KeyedMutex mutexes_;
  std::atomic<unsigned> steps_ = 0;  // odd while something is being replaced
};

}  // namespace modelfloat::store
