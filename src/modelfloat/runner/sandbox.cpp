#include "modelfloat/runner/sandbox.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace modelfloat::runner {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_AARCH64;
#else
#error "the system call filter has to be told the name of this processor"
#endif

constexpr std::uint32_t k_call = offsetof(seccomp_data, nr);
constexpr std::uint32_t k_arch = offsetof(seccomp_data, arch);
// The two halves of the n-th argument, on a little-endian machine.
constexpr std::uint32_t low(std::uint32_t n) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8 * n;
}
constexpr std::uint32_t high(std::uint32_t n) { return low(n) + 4; }

constexpr sock_filter load(std::uint32_t offset) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}; }
constexpr sock_filter result(std::uint32_t action) { return {BPF_RET | BPF_K, 0, 0, action}; }
constexpr sock_filter fail(std::uint32_t error) { return result(SECCOMP_RET_ERRNO | error); }
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

constexpr std::uint32_t k_x32_calls = 0x40000000;  // a second set of numbers for the same calls on x86-64

const sock_filter k_filter[] = {
    load(k_arch),
    skip_if(k_architecture, 1),
    result(SECCOMP_RET_KILL_PROCESS),
    load(k_call),
    skip_below(k_x32_calls, 1),
    result(SECCOMP_RET_KILL_PROCESS),

    load(k_call),
    skip_unless(__NR_socket, 3),
    load(low(0)),
    skip_if(AF_UNIX, 1),
    fail(EAFNOSUPPORT),

    // Listening is all that an engine does: it need not reach the sockets of other services.
    load(k_call),
    skip_unless(__NR_connect, 1),
    fail(EACCES),
    load(k_call),
    skip_unless(__NR_sendmsg, 1),
    fail(EACCES),
    load(k_call),
    skip_unless(__NR_sendmmsg, 1),
    fail(EACCES),
    // sendto without an address is what send() is.
    load(k_call),
    skip_unless(__NR_sendto, 5),
    load(low(4)),
    skip_unless(0, 2),
    load(high(4)),
    skip_if(0, 1),
    fail(EACCES),

    // A ring does all of the above without a system call that this filter would see.
    load(k_call),
    skip_unless(__NR_io_uring_setup, 1),
    fail(ENOSYS),
    load(k_call),
    skip_unless(__NR_ptrace, 1),
    fail(EPERM),
    load(k_call),
    skip_unless(__NR_process_vm_readv, 1),
    fail(EPERM),
    load(k_call),
    skip_unless(__NR_process_vm_writev, 1),
    fail(EPERM),
    load(k_call),
    skip_unless(__NR_pidfd_getfd, 1),
    fail(EPERM),

    result(SECCOMP_RET_ALLOW),
};

}  // namespace

const char* enter_sandbox() noexcept {
  const rlimit nothing{0, 0};
  if (::setrlimit(RLIMIT_CORE, &nothing) != 0) return "forbid core dumps";
  if (::setrlimit(RLIMIT_FSIZE, &nothing) != 0) return "forbid files";
  // A write is to fail, not to kill. Being ignored is the one thing about a signal that a program inherits.
  if (::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return "ignore a signal";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "forbid new privileges";
  sock_fprog program{};
  program.len = static_cast<unsigned short>(std::size(k_filter));
  program.filter = const_cast<sock_filter*>(k_filter);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) return "forbid the network";
  return nullptr;
}

}  // namespace modelfloat::runner
