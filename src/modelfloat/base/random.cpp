#include "modelfloat/base/random.h"

#include <cerrno>

#include <sys/random.h>

#include "modelfloat/base/error.h"

namespace modelfloat {

void SystemRandom::fill(MutableByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw system_error(errno, "getrandom", "no randomness");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace modelfloat
