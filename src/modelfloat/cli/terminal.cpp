#include "modelfloat/cli/terminal.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/base/printable.h"

namespace modelfloat::cli {
namespace {

constexpr std::size_t k_max_line_bytes = 64U << 10;
constexpr const char* k_terminal = "/dev/tty";

// Turns off the echo of a terminal while this object lives.
class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) throw system_error(errno, "terminal", "cannot be asked");
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (::tcsetattr(fd_, TCSAFLUSH, &quiet) != 0) throw system_error(errno, "terminal", "cannot be told to be quiet");
  }
  ~NoEcho() { ::tcsetattr(fd_, TCSAFLUSH, &before_); }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  int fd_;
  termios before_{};
};

void show(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error(errno, "terminal", "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

// Signals that suspend or end a program by default, and that InterruptWatch does not handle.
constexpr std::array<int, 4> k_default_signals{SIGTSTP, SIGALRM, SIGUSR1, SIGUSR2};

// The signal handler uses only this.
std::atomic<int> prompt_pipe = -1;
static_assert(std::atomic<int>::is_always_lock_free);

void record_signal(int number) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(number);
  [[maybe_unused]] const auto written = ::write(prompt_pipe.load(), &byte, 1);
  errno = saved;
}

// Waits for what may happen during a prompt: input, a stop, or a signal that would leave the
// terminal without echo. Used by one thread; only one object may exist at a time.
class PromptEvents {
 public:
  explicit PromptEvents(const std::stop_token& stop) : stop_(stop), wake_(stop, Wake{write_end_}) {
    prompt_pipe = write_end_.get();
    for (const int number : k_default_signals) catch_signal(number);
  }
  ~PromptEvents() {
    for (const auto& [number, action] : before_) ::sigaction(number, &action, nullptr);
    prompt_pipe = -1;
  }
  PromptEvents(const PromptEvents&) = delete;
  PromptEvents& operator=(const PromptEvents&) = delete;

  // Returns 0 when there is input, else the number of the signal that came. Throws Error{cancelled}
  // on a stop.
  int wait(int terminal) {
    std::array<pollfd, 2> waiting{pollfd{terminal, POLLIN, 0}, pollfd{read_end_.get(), POLLIN, 0}};
    while (::poll(waiting.data(), waiting.size(), -1) < 0 && errno == EINTR) {
    }
    if (stop_.stop_requested()) throw Error(ErrorKind::cancelled, "terminal", "stopped on request");
    unsigned char number = 0;
    if (waiting[1].revents != 0 && ::read(read_end_.get(), &number, 1) == 1) return number;
    return 0;
  }

  // Performs the default action of the signal. Returns when the program continues.
  void deliver(int number) const {
    for (const auto& [caught, action] : before_) {
      if (caught != number) continue;
      ::sigaction(number, &action, nullptr);
      ::raise(number);
      set_handler(number);
    }
  }

 private:
  struct Wake {
    const FileDescriptor& pipe;
    void operator()() const noexcept {
      constexpr unsigned char k_stop = 0;
      [[maybe_unused]] const auto written = ::write(pipe.get(), &k_stop, 1);
    }
  };

  static void set_handler(int number) {
    struct sigaction action{};
    action.sa_handler = record_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(number, &action, nullptr);
  }

  void catch_signal(int number) {
    struct sigaction action{};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler != SIG_DFL) return;  // it neither suspends nor ends the program
    before_.emplace_back(number, action);
    set_handler(number);
  }

  FileDescriptor make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw system_error(errno, "terminal", "no pipe can be made");
    write_end_.reset(ends[1]);
    return FileDescriptor(ends[0]);
  }

  const std::stop_token& stop_;
  std::vector<std::pair<int, struct sigaction>> before_;
  FileDescriptor write_end_;
  const FileDescriptor read_end_ = make_pipe();
  const std::stop_callback<Wake> wake_;
};

crypto::SecretBytes read_line(int fd) {
  Bytes line(k_max_line_bytes);
  const ssize_t count = ::read(fd, line.data(), line.size());  // a terminal returns one line
  std::size_t size = count > 0 ? static_cast<std::size_t>(count) : 0;
  while (size > 0 && (line[size - 1] == std::byte{'\n'} || line[size - 1] == std::byte{'\r'})) --size;
  crypto::SecretBytes answer(ByteSpan(line).first(size));
  crypto::wipe(line);
  if (count <= 0) throw Error(ErrorKind::denied, "terminal", "nothing was typed");
  return answer;
}

}  // namespace

bool has_terminal() { return ::isatty(STDIN_FILENO) != 0 && ::access(k_terminal, R_OK | W_OK) == 0; }

crypto::SecretBytes ask_terminal(const std::string& prompt, bool secret, const std::stop_token& stop) {
  const FileDescriptor terminal(::open(k_terminal, O_RDWR | O_CLOEXEC));
  if (!terminal || !has_terminal()) throw Error(ErrorKind::denied, prompt, "nobody is there to be asked");
  PromptEvents events(stop);
  std::optional<NoEcho> quiet;
  for (;;) {
    if (secret) quiet.emplace(terminal.get());
    show(terminal.get(), printable(prompt));
    const int signal = events.wait(terminal.get());
    if (signal == 0) break;
    quiet.reset();  // restores the echo for the next user of the terminal
    events.deliver(signal);
  }
  auto answer = read_line(terminal.get());
  if (secret) show(terminal.get(), "\n");
  return answer;
}

void TerminalDialogue::tell(const std::string& text) { std::fputs((printable_lines(text) + "\n").c_str(), stderr); }

std::string TerminalDialogue::ask(const std::string& prompt, bool secret) {
  return std::string(as_text(ask_terminal(prompt, secret, stop_).bytes()));
}

}  // namespace modelfloat::cli
