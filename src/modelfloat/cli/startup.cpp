#include "modelfloat/cli/startup.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

namespace modelfloat::cli {
namespace {

constexpr rlim_t k_stack_bytes = 1U << 20;

void fill_standard_descriptors() noexcept {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // With O_PATH, reading and writing fail with EBADF, as on a missing descriptor. The root folder
    // always exists. open() returns the lowest free number, which is `fd`.
    if (::open("/", O_PATH | O_DIRECTORY) != fd) return;
  }
}

void let_signals_through() noexcept {
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // exceeding the file size limit gives EFBIG
}

void raise_small_stack() noexcept {
  rlimit stack{};
  if (::getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur >= k_stack_bytes) return;
  stack.rlim_cur = std::min(k_stack_bytes, stack.rlim_max);
  ::setrlimit(RLIMIT_STACK, &stack);
  pthread_attr_t attributes;  // new threads use the limit from program start
  if (::pthread_attr_init(&attributes) != 0) return;
  ::pthread_attr_setstacksize(&attributes, k_stack_bytes);
  ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

}  // namespace

void put_start_in_order() noexcept {
  fill_standard_descriptors();
  let_signals_through();
  raise_small_stack();
}

}  // namespace modelfloat::cli
