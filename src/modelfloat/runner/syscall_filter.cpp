#include "modelfloat/runner/syscall_filter.h"

#include <array>
#include <cerrno>
#include <initializer_list>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modelfloat/runner/syscall_table.h"

namespace modelfloat::runner {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_AARCH64;
#else
#error "the system call filter has to be told the name of this processor"
#endif

// 0x80 is CLONE_NEWTIME, which older headers do not have.
constexpr std::uint32_t k_namespace_flags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | 0x80;
// O_TMPFILE is more than one bit; one of them is O_DIRECTORY, which is harmless.
constexpr std::uint32_t k_writing_flags =
    static_cast<std::uint32_t>(O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY));

constexpr std::uint32_t k_call = offsetof(seccomp_data, nr);
constexpr std::uint32_t k_arch = offsetof(seccomp_data, arch);
// The two halves of the n-th argument, on a little-endian machine.
constexpr std::uint32_t low(std::uint32_t n) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8 * n;
}
constexpr std::uint32_t high(std::uint32_t n) { return low(n) + 4; }

constexpr std::uint32_t k_allow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t fail_with(std::uint32_t error) { return SECCOMP_RET_ERRNO | error; }

constexpr sock_filter load(std::uint32_t offset) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}; }
constexpr sock_filter result(std::uint32_t action) { return {BPF_RET | BPF_K, 0, 0, action}; }
constexpr sock_filter mask(std::uint32_t bits) { return {BPF_ALU | BPF_AND | BPF_K, 0, 0, bits}; }
// Leave out that many instructions when the value loaded is, or is not, this one.
constexpr sock_filter skip_if(std::uint32_t value, std::uint8_t count) {
  return {BPF_JMP | BPF_JEQ | BPF_K, count, 0, value};
}
constexpr sock_filter skip_unless(std::uint32_t value, std::uint8_t count) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, count, value};
}
constexpr sock_filter skip_below(std::uint32_t value, std::uint8_t count) {
  return {BPF_JMP | BPF_JGE | BPF_K, 0, count, value};
}
constexpr sock_filter skip_unless_any(std::uint32_t bits, std::uint8_t count) {
  return {BPF_JMP | BPF_JSET | BPF_K, 0, count, bits};
}

// A second set of numbers for the same calls on x86-64.
constexpr std::uint32_t k_x32_calls = 0x40000000;

using Place = SyscallFilter::Place;

// Writes one filter. Each rule ends every way through it with a result, so that the number of the
// call is still loaded where the next rule begins.
class FilterWriter {
 public:
  FilterWriter(std::vector<sock_filter>& program, std::vector<Place>& places) : program_(program), places_(places) {
    program_ = {load(k_arch), skip_if(k_architecture, 1), result(SECCOMP_RET_KILL_PROCESS),
                load(k_call), skip_below(k_x32_calls, 1), result(SECCOMP_RET_KILL_PROCESS)};
  }

  void always(std::uint32_t call, std::uint32_t action) { rule(call, {result(action)}); }
  void rule(std::uint32_t call, std::initializer_list<sock_filter> body) {
    program_.push_back(skip_unless(call, static_cast<std::uint8_t>(body.size())));
    program_.insert(program_.end(), body);
  }
  // `yes` when the argument is one of the values, else `no`.
  void choose(std::uint32_t call, std::uint32_t argument, std::initializer_list<std::uint32_t> values,
              std::uint32_t yes, std::uint32_t no) {
    const auto count = static_cast<std::uint8_t>(values.size());
    program_.push_back(skip_unless(call, static_cast<std::uint8_t>(count + 3)));
    program_.push_back(load(low(argument)));
    std::uint8_t left = count;
    for (const std::uint32_t value : values) program_.push_back(skip_if(value, left--));
    program_.push_back(result(no));
    program_.push_back(result(yes));
  }
  // `yes` when the argument is our own process, else `no`.
  void choose_own_process(std::uint32_t call, std::uint32_t yes, std::uint32_t no) {
    program_.push_back(skip_unless(call, 4));
    program_.push_back(load(low(0)));
    places_.push_back({program_.size(), Place::What::own_process, false});
    program_.push_back(skip_unless(0, 1));
    program_.push_back(result(yes));
    program_.push_back(result(no));
  }
  // `yes` for the execve that becomes the program, told by where its arguments lie in the process
  // before it.
  void choose_first_execve(std::uint32_t yes, std::uint32_t no) {
    constexpr std::array k_what = {Place::What::program, Place::What::arguments, Place::What::environment};
    program_.push_back(skip_unless(__NR_execve, 14));
    std::uint8_t left = 13;
    for (std::uint32_t argument = 0; argument < k_what.size(); ++argument) {
      for (const bool high_half : {false, true}) {
        program_.push_back(load(high_half ? high(argument) : low(argument)));
        places_.push_back({program_.size(), k_what[argument], high_half});
        left = static_cast<std::uint8_t>(left - 2);
        program_.push_back(skip_unless(0, left));
      }
    }
    program_.push_back(result(yes));
    program_.push_back(result(no));
  }
  void otherwise(std::uint32_t action) { program_.push_back(result(action)); }

 private:
  std::vector<sock_filter>& program_;
  std::vector<Place>& places_;
};

// One load, and one result for each of two ways.
void choose_by_bits(FilterWriter& writer, std::uint32_t call, std::uint32_t argument, std::uint32_t bits,
                    std::uint32_t any, std::uint32_t none) {
  writer.rule(call, {load(low(argument)), skip_unless_any(bits, 1), result(any), result(none)});
}

void write_alarms(FilterWriter& writer, std::uint32_t alarm) {
  for (const NamedSyscall& call : alarm_syscalls()) writer.always(call.number, alarm);
  writer.choose_own_process(__NR_kill, k_allow, alarm);
  writer.choose_own_process(__NR_tgkill, k_allow, alarm);
  choose_by_bits(writer, __NR_openat, 2, k_writing_flags, alarm, k_allow);
#if defined(__x86_64__)
  choose_by_bits(writer, __NR_open, 1, k_writing_flags, alarm, k_allow);
#endif
  writer.choose(__NR_socket, 0, {AF_UNIX}, k_allow, alarm);
  choose_by_bits(writer, __NR_clone, 0, k_namespace_flags, alarm, k_allow);
  writer.choose_first_execve(k_allow, alarm);
  writer.otherwise(k_allow);
}

// What is harmless with some arguments only.
void write_conditions(FilterWriter& writer) {
  constexpr std::uint32_t k_refused = fail_with(EPERM);
  // sendto without an address is what send() is.
  writer.rule(__NR_sendto, {load(low(4)), skip_unless(0, 2), load(high(4)), skip_if(0, 1), result(fail_with(EACCES)),
                            result(k_allow)});
  // Shared memory without a file is not counted by the limit on memory.
  writer.rule(__NR_mmap, {load(low(3)), mask(MAP_SHARED | MAP_ANONYMOUS), skip_if(MAP_SHARED | MAP_ANONYMOUS, 1),
                          result(k_allow), result(k_refused)});
  // The others have the kernel send signals to whom they name, or leases and notices about files.
  writer.choose(__NR_fcntl, 1, {F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GET_SEALS}, k_allow,
                k_refused);
  writer.choose(__NR_ioctl, 1, {FIONBIO, FIONREAD}, k_allow, fail_with(ENOTTY));
  writer.choose(__NR_prctl, 0, {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, 0x53564d41 /* PR_SET_VMA */}, k_allow,
                fail_with(EINVAL));
  writer.choose(__NR_prlimit64, 0, {0}, k_allow, k_refused);
  writer.choose(__NR_personality, 0, {0xffffffff}, k_allow, k_refused);
  writer.rule(__NR_setsockopt, {load(low(1)), skip_if(6 /* TCP */, 11), skip_unless(SOL_SOCKET, 9), load(low(2)),
                                skip_if(SO_REUSEADDR, 8), skip_if(SO_REUSEPORT, 7), skip_if(SO_KEEPALIVE, 6),
                                skip_if(SO_LINGER, 5), skip_if(SO_RCVTIMEO, 4), skip_if(SO_SNDTIMEO, 3),
                                skip_if(SO_RCVBUF, 2), skip_if(SO_SNDBUF, 1), result(k_refused), result(k_allow)});
  // A thread is allowed, a process is not. Crash reporters fork; that fails.
  writer.rule(__NR_clone, {load(low(0)), skip_unless_any(k_namespace_flags, 1), result(k_allow),
                           skip_unless_any(CLONE_THREAD, 1), result(k_allow), result(k_refused)});
}

void write_refusals(FilterWriter& writer) {
  for (const std::uint32_t call : allowed_syscalls()) writer.always(call, k_allow);
  write_conditions(writer);
  // The C library uses the older call, whose arguments a filter can see.
  writer.always(__NR_clone3, fail_with(ENOSYS));
  writer.always(__NR_openat2, fail_with(ENOSYS));
  // The C library itself tries to reach services of the system.
  writer.always(__NR_connect, fail_with(EACCES));
  writer.always(__NR_sendmsg, fail_with(EACCES));
  writer.always(__NR_sendmmsg, fail_with(EACCES));
  // The other filter decides about these, and the stricter answer of the two wins.
  for (const NamedSyscall& call : alarm_syscalls()) writer.always(call.number, k_allow);
  for (const NamedSyscall& call : conditional_alarm_syscalls()) {
    if (call.number != __NR_clone) writer.always(call.number, k_allow);
  }
  writer.otherwise(fail_with(EPERM));
}

long load_filter(std::vector<sock_filter>& program, unsigned flags) noexcept {
  sock_fprog described{};
  described.len = static_cast<unsigned short>(program.size());
  described.filter = program.data();
  return ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &described);
}

std::uint32_t number_for(const Place& place, const ChildLaunch& launch) noexcept {
  const auto half = [&](const void* pointer) {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    return static_cast<std::uint32_t>(place.high_half ? address >> 32 : address);
  };
  switch (place.what) {
    case Place::What::own_process: return static_cast<std::uint32_t>(::getpid());
    case Place::What::program: return half(launch.program);
    case Place::What::arguments: return half(static_cast<const void*>(launch.arguments));
    case Place::What::environment: return half(static_cast<const void*>(launch.environment));
  }
  return 0;
}

}  // namespace

SyscallFilter::SyscallFilter(bool alarms) : alarms_(alarms) {
  FilterWriter refuse(refuse_, refuse_places_);
  write_refusals(refuse);
  FilterWriter watch(watch_, watch_places_);
  write_alarms(watch, SECCOMP_RET_USER_NOTIF);
  std::vector<Place> same_places;
  FilterWriter kill(kill_, same_places);
  write_alarms(kill, alarms ? SECCOMP_RET_KILL_PROCESS : fail_with(EPERM));
}

void SyscallFilter::fill_in(const ChildLaunch& launch) noexcept {
  for (const Place& place : refuse_places_) refuse_[place.instruction].k = number_for(place, launch);
  for (const Place& place : watch_places_) {
    watch_[place.instruction].k = number_for(place, launch);
    kill_[place.instruction].k = watch_[place.instruction].k;
  }
}

const char* SyscallFilter::enter(const ChildLaunch& launch) noexcept {
  fill_in(launch);
  const long listener = alarms_ ? load_filter(watch_, SECCOMP_FILTER_FLAG_NEW_LISTENER) : -1;
  if (listener >= 0) {
    if (!launch.hand_to_parent(static_cast<int>(listener))) return "hand over the alarms of the system call filter";
    ::close(static_cast<int>(listener));
  } else if (load_filter(kill_, 0) != 0) {
    return "filter system calls";
  }
  return load_filter(refuse_, 0) == 0 ? nullptr : "filter system calls";
}

std::optional<std::string> read_syscall_alarm(int listener) {
  seccomp_notif notice{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) != 0) return std::nullopt;
  const auto number = static_cast<std::uint32_t>(notice.data.nr);
  if (opens_a_file(number)) return "opened a file for writing";
  const char* name = alarm_name(number);
  return name != nullptr ? fmt::format("called {}", name) : fmt::format("made the system call {}", number);
}

}  // namespace modelfloat::runner
