#pragma once
// Hides replacement from readers, for providers that cannot replace an object in one step.

#include <atomic>
#include <string>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/keyed_mutex.h"

namespace modelfloat::store {

// If an object is replaced by removing and adding it, its name is absent in between. Readers of the
// same store that use look() see the old or the new object all the same. Any thread may call any
// method.
class Replacement {
 public:
  // Runs `replace`; only one runs at a time. Throws what `replace` throws, and Error{cancelled} or
  // Error{timed_out} while it waits for its turn.
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

  // Returns what look() returns, an optional. Calls look() once more, while no replacement runs, if
  // it returned nullopt or threw Error{transient} during a replacement: a provider's answer may
  // break off when the object is removed.
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
  std::atomic<unsigned> steps_ = 0;  // odd while a replacement is running
};

}  // namespace modelfloat::store
