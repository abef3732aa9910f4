#pragma once
// Listings for wrappers that react to errors: errors of the store are told from exceptions of the
// caller's sink.

#include <exception>

#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// Runs `list` with a sink that calls `sink`. An exception of `sink` is passed on unchanged, but the
// wrappers in between see Error{cancelled}: it is not a failure of the store, and the listing must
// not be repeated.
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
