#include "modelfloat/cli/terminal.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::cli {
namespace {

constexpr std::size_t k_max_line_bytes = 64U << 10;
constexpr const char* k_terminal = "/dev/tty";

// Turns off the echo of a terminal for as long as it lives.
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

// Waits in short steps, since a signal does not end a read from a terminal.
void wait_for_input(int fd, const std::stop_token& stop) {
  constexpr int k_step_milliseconds = 100;
  pollfd waiting{fd, POLLIN, 0};
  while (!stop.stop_requested()) {
    if (::poll(&waiting, 1, k_step_milliseconds) > 0) return;
  }
  throw Error(ErrorKind::cancelled, "terminal", "stopped on request");
}

crypto::SecretBytes read_line(int fd) {
  Bytes line(k_max_line_bytes);
  const ssize_t count = ::read(fd, line.data(), line.size());  // a terminal gives one line
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
  std::optional<NoEcho> quiet;
  if (secret) quiet.emplace(terminal.get());
  show(terminal.get(), prompt);
  wait_for_input(terminal.get(), stop);
  auto answer = read_line(terminal.get());
  if (secret) show(terminal.get(), "\n");
  return answer;
}

void TerminalDialogue::tell(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

std::string TerminalDialogue::ask(const std::string& prompt, bool secret) {
  return std::string(as_text(ask_terminal(prompt, secret, stop_).bytes()));
}

}  // namespace modelfloat::cli
