#pragma once
// Listings whose sink is somebody else's, for wrappers that look at what goes wrong.

#include <exception>

#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// Runs `list` with a sink that passes on to `sink`. What that throws comes out as it was, but looks
// like a stop to everything in between: it is not the store's failure, and no reason to list again.
template <typename List>
void guarded_list(const ObjectSink& sink, List list) {
  std::exception_ptr thrown;
  try {
    list([&](const ObjectInfo& info) {
      try {
        sink(info);
      } catch (...) {
        thrown = std::current_exception();
        throw Error(ErrorKind::cancelled, "list", "stopped by its caller");
      }
    });
  } catch (...) {
    if (thrown) std::rethrow_exception(thrown);
    throw;
  }
}

}  // namespace modelfloat::store
