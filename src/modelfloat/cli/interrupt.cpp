#include "modelfloat/cli/interrupt.h"

#include <array>
#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat::cli {
namespace {

constexpr char k_signal = 's';
constexpr char k_end = 'e';

// All that a signal handler may use.
std::atomic<int> pipe_for_handler = -1;
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  const int saved = errno;
  [[maybe_unused]] const auto written = ::write(pipe_for_handler.load(), &k_signal, 1);
  errno = saved;
}

void handle(int number) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);  // the second one meets the default
  ::sigaction(number, &action, nullptr);
}

}  // namespace

InterruptWatch::InterruptWatch() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "signals", "no pipe can be made");
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  pipe_for_handler = ends[1];
  thread_ = std::jthread([this] { wait(); });
  handle(SIGINT);
  handle(SIGTERM);
}

InterruptWatch::~InterruptWatch() {
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  [[maybe_unused]] const auto written = ::write(write_end_.get(), &k_end, 1);
  thread_.join();
  pipe_for_handler = -1;
}

void InterruptWatch::wait() {
  char what = 0;
  for (;;) {
    const auto count = ::read(read_end_.get(), &what, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count != 1 || what == k_end) return;
    source_.request_stop();
  }
}

}  // namespace modelfloat::cli
