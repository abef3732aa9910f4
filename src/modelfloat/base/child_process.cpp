#include "modelfloat/base/child_process.h"

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/sanitizers.h"
#include "modelfloat/base/thread.h"

namespace modelfloat {
namespace {

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

Pipe make_pipe(const std::string& where) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error(errno, where, "cannot make a pipe");
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// The child tells its parent in messages: a Failure, or one byte with the descriptor to watch.
Pipe make_report(const std::string& where) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw system_error(errno, where, "cannot make a pair of sockets");
  }
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// What the new process needs after the fork, where no memory may be allocated any more.
struct Launch : ChildLaunch {
  int input;
  int output;
  int inherited;
  pid_t parent;
  ChildConfinement* confinement;
};

struct Failure {
  int error_number;
  const char* step;  // a string constant: the address means the same in parent and child
};

constexpr int k_report_fd = 4;

[[noreturn]] void give_up(int report, const char* step) noexcept {
  const Failure failure{errno, step};
  [[maybe_unused]] const auto written = ::write(report, &failure, sizeof failure);
  ::_exit(127);
}

// Away from the low numbers, which are about to be given out anew.
int lifted(int fd, int report) noexcept {
  const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, 64);
  if (high < 0) give_up(report, "duplicate a descriptor");
  return high;
}

void put_at(int fd, int place, int report) noexcept {
  if (::dup2(fd, place) < 0) give_up(report, "place a descriptor");
}

void arrange_descriptors(Launch& launch) noexcept {
  launch.report = lifted(launch.report, launch.report);
  const int input = lifted(launch.input, launch.report);
  const int output = lifted(launch.output, launch.report);
  const int inherited = launch.inherited < 0 ? -1 : lifted(launch.inherited, launch.report);
  put_at(input, STDIN_FILENO, launch.report);
  put_at(output, STDOUT_FILENO, launch.report);
  put_at(output, STDERR_FILENO, launch.report);
  if (inherited >= 0) {
    put_at(inherited, k_inherited_fd, launch.report);
  } else {
    ::close(k_inherited_fd);
  }
  if (::dup3(launch.report, k_report_fd, O_CLOEXEC) < 0) give_up(launch.report, "place a descriptor");
  launch.report = k_report_fd;
  if (::syscall(SYS_close_range, k_report_fd + 1, UINT_MAX, 0) != 0) give_up(launch.report, "close descriptors");
}

void forget_signals() noexcept {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

// Whether the parent died before we asked to follow it.
bool is_orphan(const Launch& launch) noexcept {
  if ((launch.namespaces & CLONE_NEWPID) == 0) return ::getppid() != launch.parent;
  // A parent outside our namespace has no process id here. Its end of the report pipe is closed
  // when it has ended.
  pollfd report{launch.report, POLLIN, 0};
  return ::poll(&report, 1, 0) != 0;
}

// Only calls that are safe after a fork in a program of many threads.
[[noreturn]] void become_the_program(Launch launch) noexcept {
  arrange_descriptors(launch);
  forget_signals();
  if (::setsid() < 0) give_up(launch.report, "start a session");
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(launch.report, "follow the parent's death");
  if (is_orphan(launch)) ::_exit(127);
  if (::chdir("/") != 0) give_up(launch.report, "leave the working folder");
  if (launch.confinement != nullptr) {
    if (const char* step = launch.confinement->enter(launch)) give_up(launch.report, step);
  }
  ::execve(launch.program, launch.arguments, launch.environment);
  give_up(launch.report, "execute");
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Signals stay blocked across the fork, so that none of our handlers runs in the child.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

pid_t fork_into(unsigned long namespaces) noexcept {
  if (namespaces == 0) return ::fork();
  // Not through the C library, because its fork() takes no flags. The child makes only calls that
  // do not need the C library's state.
  return static_cast<pid_t>(::syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

pid_t launch_program(Launch launch, std::span<const unsigned long> namespaces) {
  static constexpr unsigned long k_none[] = {0};
  const SignalsBlocked blocked;
  pid_t id = -1;
  for (const unsigned long set : namespaces.empty() ? std::span<const unsigned long>(k_none) : namespaces) {
    launch.namespaces = k_thread_sanitizer ? 0 : set;  // a thread sanitizer has to see every fork
    id = fork_into(launch.namespaces);
    if (id == 0) become_the_program(launch);
    if (id > 0) break;
  }
  return id;
}

void write_input(const FileDescriptor& pipe, const std::string& input, const std::string& where) {
  if (input.size() > PIPE_BUF) throw Error(ErrorKind::internal, where, "too much input for a child process");
  if (::write(pipe.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size())) {
    throw system_error(errno, where, "cannot write to a pipe");
  }
}

struct Report {
  // What the child could not do; nothing once it has become the program.
  std::optional<Failure> failure;
  FileDescriptor handed;
};

// These bytes, with room for one descriptor beside them.
struct MessageWithDescriptor {
  MessageWithDescriptor(void* bytes, std::size_t size) noexcept : data{bytes, size} {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  MessageWithDescriptor(const MessageWithDescriptor&) = delete;
  MessageWithDescriptor& operator=(const MessageWithDescriptor&) = delete;

  iovec data;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
};

// The descriptor that came with a message, if one did.
FileDescriptor descriptor_in(msghdr& message) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    return FileDescriptor(fd);
  }
  return {};
}

// Reads until the child has become the program: its end closes then.
Report read_report(const FileDescriptor& socket) {
  Report report;
  for (;;) {
    Failure failure{};
    MessageWithDescriptor message(&failure, sizeof failure);
    const ssize_t got = ::recvmsg(socket.get(), &message.header, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return report;
    if (got == static_cast<ssize_t>(sizeof failure)) report.failure = failure;
    if (FileDescriptor fd = descriptor_in(message.header)) report.handed = std::move(fd);
  }
}

// When memory runs out, the kernel should kill the child and not us. The parent does this, after
// the program has started. Before that, the child shares our memory, so its files in /proc must
// belong to root, and the child cannot open them either. Best effort: without it, the kernel
// chooses as usual.
void prefer_for_the_oom_killer(pid_t id) noexcept {
  std::array<char, 64> path{};
  *fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/oom_score_adj", id).out = '\0';
  constexpr int k_tries = 50;
  for (int attempt = 0; attempt < k_tries; ++attempt) {
    const FileDescriptor file(::open(path.data(), O_WRONLY | O_CLOEXEC));
    if (file) {
      [[maybe_unused]] const auto written = ::write(file.get(), "500", 3);
      return;
    }
    if (errno != EACCES) return;
    // The kernel closes our end of the report a moment before it gives the files of the new program
    // to its user.
    constexpr timespec k_moment{0, 200'000};
    ::nanosleep(&k_moment, nullptr);
  }
}

}  // namespace

bool ChildLaunch::hand_to_parent(int fd) const noexcept {
  char byte = 0;
  MessageWithDescriptor message(&byte, 1);
  cmsghdr* part = CMSG_FIRSTHDR(&message.header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  return ::sendmsg(report, &message.header, MSG_NOSIGNAL) == 1;
}

std::string to_string(const ChildEnd& end) {
  const std::string how = fmt::format("{} {}", end.by_signal ? "signal" : "exit code", end.number);
  return end.cause.empty() ? how : fmt::format("{}, killed because it {}", how, end.cause);
}

ChildProcess::ChildProcess(const ChildSpec& spec)
    : name_(spec.program.string()), output_limit_(spec.output_limit), confinement_(spec.confinement) {
  Pipe input = make_pipe(name_);
  Pipe output = make_pipe(name_);
  Pipe report = make_report(name_);
  write_input(input.write_end, spec.input, name_);
  input.write_end.reset();

  std::vector<std::string> arguments{name_};
  arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
  std::vector<std::string> environment = spec.environment;
  const auto argument_pointers = pointers(arguments);
  const auto environment_pointers = pointers(environment);

  Launch launch{};
  launch.program = name_.c_str();
  launch.arguments = argument_pointers.data();
  launch.environment = environment_pointers.data();
  launch.report = report.write_end.get();
  launch.input = input.read_end.get();
  launch.output = output.write_end.get();
  launch.inherited = spec.inherited_fd;
  launch.parent = ::getpid();
  launch.confinement = spec.confinement;
  id_ = launch_program(launch, confinement_ != nullptr ? confinement_->namespaces() : std::span<const unsigned long>());
  if (id_ < 0) throw system_error(errno, name_, "cannot start a process");
  report.write_end.reset();
  output.write_end.reset();
  Report said = read_report(report.read_end);
  if (said.failure) {
    ::waitpid(id_, nullptr, 0);
    throw system_error(said.failure->error_number, name_, fmt::format("cannot start it: {}", said.failure->step));
  }
  alarm_ = std::move(said.handed);
  output_pipe_ = std::move(output.read_end);
  prefer_for_the_oom_killer(id_);
  try {
    listener_ = start_thread([this] { listen(); });
  } catch (...) {  // nobody else would end and reap it
    ::kill(-id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    throw;
  }
}

ChildProcess::~ChildProcess() { kill(); }

std::optional<ChildEnd> ChildProcess::ended() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

bool ChildProcess::ends_within(Milliseconds duration) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, duration, [this] { return end_.has_value(); });
}

ChildEnd ChildProcess::wait(const CallOptions& options) const {
  std::unique_lock lock(mutex_);
  while (!end_) {
    check_cancelled(options, name_);
    changed_.wait_for(lock, options.stop, std::chrono::milliseconds(50), [this] { return end_.has_value(); });
  }
  return *end_;
}

std::string ChildProcess::output() const {
  const std::lock_guard lock(mutex_);
  return output_;
}

void ChildProcess::kill() {
  std::unique_lock lock(mutex_);
  if (end_) return;
  ::kill(-id_, SIGKILL);  // its whole session; not yet reaped, so the number is still its own
  changed_.wait(lock, [this] { return end_.has_value(); });
}

// False at the end of what it says.
bool ChildProcess::read_output() {
  std::array<char, 4096> piece{};
  const ssize_t got = ::read(output_pipe_.get(), piece.data(), piece.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  const std::lock_guard lock(mutex_);
  output_.append(piece.data(), static_cast<std::size_t>(got));
  if (output_.size() > output_limit_) output_.erase(0, output_.size() - output_limit_);
  return true;
}

void ChildProcess::read_alarm() {
  auto cause = confinement_->alarm(alarm_.get());
  if (!cause) return;
  const std::lock_guard lock(mutex_);
  if (cause_.empty()) cause_ = std::move(*cause);
  ::kill(-id_, SIGKILL);
}

void ChildProcess::listen() {
  // Readable when it has ended. Where the kernel refuses one, the end of its output must do.
  FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, id_, 0)));
  while (output_pipe_ || process) {
    std::array<pollfd, 3> watched{
        {{output_pipe_.get(), POLLIN, 0}, {alarm_.get(), POLLIN, 0}, {process.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    if ((watched[1].revents & POLLIN) != 0) {
      read_alarm();
    } else if (watched[1].revents != 0) {
      alarm_.reset();  // nobody is left that could set it off
    }
    if (watched[0].revents != 0 && !read_output()) output_pipe_.reset();
    if (watched[2].revents != 0) process.reset();
  }
  record_end();
}

void ChildProcess::record_end() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  ::waitpid(id_, nullptr, 0);
  end_ = ChildEnd{info.si_code != CLD_EXITED, info.si_status, cause_};
  changed_.notify_all();
}

}  // namespace modelfloat
