#include "modelfloat/base/thread.h"

#include "modelfloat/base/error.h"

namespace modelfloat {

void throw_no_thread(const std::system_error& failure) {
  throw system_error(failure.code().value(), "this process",
                     "cannot start another thread: raise the limit of processes (ulimit -u) or of memory (ulimit -v)");
}

}  // namespace modelfloat
