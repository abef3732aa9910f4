#include "modelfloat/cli/interrupt.h"

#include <array>
#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/thread.h"

namespace modelfloat::cli {
namespace {

constexpr char k_signal = 's';
constexpr char k_end = 'e';

// The signal handler uses only this.
std::atomic<int> pipe_for_handler = -1;
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  const int saved = errno;
  [[maybe_unused]] const auto written = ::write(pipe_for_handler.load(), &k_signal, 1);
  errno = saved;
}

}  // namespace

InterruptWatch::InterruptWatch() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "signals", "no pipe can be made");
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  before_.reserve(4);
  thread_ = start_thread([this] { wait(); });
  pipe_for_handler = write_end_.get();
  const int once = static_cast<int>(SA_RESTART | SA_RESETHAND);  // the second one: default action
  for (const int number : {SIGINT, SIGTERM, SIGQUIT}) handle(number, once);
  struct sigaction hangup{};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) handle(SIGHUP, SA_RESTART);
}

InterruptWatch::~InterruptWatch() {
  for (const Before& signal : before_) ::sigaction(signal.number, &signal.action, nullptr);
  [[maybe_unused]] const auto written = ::write(write_end_.get(), &k_end, 1);
  thread_.join();
  pipe_for_handler = -1;
}

void InterruptWatch::handle(int number, int flags) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = flags;
  Before before{number, {}};
  if (::sigaction(number, &action, &before.action) == 0) before_.push_back(before);
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
