#include "modelfloat/runner/syscall_table.h"

#include <sys/syscall.h>

namespace modelfloat::runner {
namespace {

#define MODELFLOAT_CALL(name) \
  NamedSyscall { __NR_##name, #name }

// Allowed with any arguments: none of them reaches beyond the process, its memory, and what it has
// open. The ones that a generation makes all the time come first.
constexpr std::uint32_t k_allowed[] = {
    __NR_futex,
    __NR_clock_gettime,
    __NR_sched_yield,
    __NR_read,
    __NR_write,
    __NR_recvfrom,
    __NR_ppoll,
    __NR_pselect6,
    __NR_munmap,
    __NR_madvise,
    __NR_mprotect,
    __NR_brk,
    __NR_mremap,
    __NR_mincore,
    __NR_membarrier,
    __NR_mlock,
    __NR_munlock,
    __NR_close,
    __NR_close_range,
    __NR_lseek,
    __NR_pread64,
    __NR_readv,
    __NR_writev,
    __NR_fstat,
    __NR_newfstatat,
    __NR_statx,
    __NR_faccessat,
    __NR_faccessat2,
    __NR_readlinkat,
    __NR_getdents64,
    __NR_getcwd,
    __NR_fadvise64,
    __NR_fstatfs,
    __NR_statfs,
    __NR_dup,
    __NR_dup3,
    __NR_pipe2,
    __NR_eventfd2,
    __NR_epoll_create1,
    __NR_epoll_ctl,
    __NR_epoll_pwait,
    __NR_listen,
    __NR_accept,
    __NR_accept4,
    __NR_bind,
    __NR_getsockname,
    __NR_getpeername,
    __NR_getsockopt,
    __NR_shutdown,
    __NR_exit,
    __NR_exit_group,
    __NR_set_tid_address,
    __NR_set_robust_list,
    __NR_rseq,
    __NR_sched_getaffinity,
    __NR_sched_getparam,
    __NR_sched_getscheduler,
    __NR_getcpu,
    __NR_getpid,
    __NR_gettid,
    __NR_getppid,
    __NR_getuid,
    __NR_geteuid,
    __NR_getgid,
    __NR_getegid,
    __NR_uname,
    __NR_sysinfo,
    __NR_times,
    __NR_getrusage,
    __NR_getrlimit,
    __NR_clock_getres,
    __NR_clock_nanosleep,
    __NR_nanosleep,
    __NR_gettimeofday,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_rt_sigsuspend,
    __NR_rt_sigtimedwait,
    __NR_sigaltstack,
    __NR_restart_syscall,
    __NR_getrandom,
#if defined(__x86_64__)
    __NR_poll,
    __NR_select,
    __NR_epoll_wait,
    __NR_arch_prctl,
    __NR_stat,
    __NR_lstat,
    __NR_access,
    __NR_readlink,
    __NR_dup2,
    __NR_pipe,
    __NR_time,
    __NR_pause,
    __NR_getpgrp,
#endif
};

// No engine makes these, whatever it is asked: each reaches for other processes, for files to
// change, for the kernel.
constexpr NamedSyscall k_alarms[] = {
    MODELFLOAT_CALL(tkill),
    MODELFLOAT_CALL(rt_sigqueueinfo),
    MODELFLOAT_CALL(rt_tgsigqueueinfo),
    MODELFLOAT_CALL(pidfd_open),
    MODELFLOAT_CALL(pidfd_send_signal),
    MODELFLOAT_CALL(pidfd_getfd),
    MODELFLOAT_CALL(ptrace),
    MODELFLOAT_CALL(process_vm_readv),
    MODELFLOAT_CALL(process_vm_writev),
    MODELFLOAT_CALL(process_madvise),
    MODELFLOAT_CALL(process_mrelease),
    MODELFLOAT_CALL(kcmp),
    MODELFLOAT_CALL(unlinkat),
    MODELFLOAT_CALL(renameat),
    MODELFLOAT_CALL(renameat2),
    MODELFLOAT_CALL(linkat),
    MODELFLOAT_CALL(symlinkat),
    MODELFLOAT_CALL(mknodat),
    MODELFLOAT_CALL(truncate),
    MODELFLOAT_CALL(fchmod),
    MODELFLOAT_CALL(fchmodat),
    NamedSyscall{452, "fchmodat2"},
    MODELFLOAT_CALL(fchown),
    MODELFLOAT_CALL(fchownat),
    MODELFLOAT_CALL(setxattr),
    MODELFLOAT_CALL(lsetxattr),
    MODELFLOAT_CALL(fsetxattr),
    NamedSyscall{463, "setxattrat"},
    MODELFLOAT_CALL(removexattr),
    MODELFLOAT_CALL(lremovexattr),
    MODELFLOAT_CALL(fremovexattr),
    NamedSyscall{466, "removexattrat"},
    MODELFLOAT_CALL(mount),
    MODELFLOAT_CALL(umount2),
    MODELFLOAT_CALL(pivot_root),
    MODELFLOAT_CALL(chroot),
    MODELFLOAT_CALL(move_mount),
    MODELFLOAT_CALL(open_tree),
    MODELFLOAT_CALL(fsopen),
    MODELFLOAT_CALL(fsconfig),
    MODELFLOAT_CALL(fsmount),
    MODELFLOAT_CALL(fspick),
    MODELFLOAT_CALL(mount_setattr),
    NamedSyscall{467, "open_tree_attr"},
    MODELFLOAT_CALL(unshare),
    MODELFLOAT_CALL(setns),
    MODELFLOAT_CALL(keyctl),
    MODELFLOAT_CALL(add_key),
    MODELFLOAT_CALL(request_key),
    MODELFLOAT_CALL(bpf),
    MODELFLOAT_CALL(io_uring_setup),
    MODELFLOAT_CALL(io_uring_enter),
    MODELFLOAT_CALL(io_uring_register),
    MODELFLOAT_CALL(perf_event_open),
    MODELFLOAT_CALL(userfaultfd),
    MODELFLOAT_CALL(init_module),
    MODELFLOAT_CALL(finit_module),
    MODELFLOAT_CALL(delete_module),
    MODELFLOAT_CALL(kexec_load),
    MODELFLOAT_CALL(reboot),
    MODELFLOAT_CALL(swapon),
    MODELFLOAT_CALL(swapoff),
    MODELFLOAT_CALL(acct),
    MODELFLOAT_CALL(quotactl),
    MODELFLOAT_CALL(syslog),
    MODELFLOAT_CALL(name_to_handle_at),
    MODELFLOAT_CALL(open_by_handle_at),
    MODELFLOAT_CALL(fanotify_init),
    MODELFLOAT_CALL(sethostname),
    MODELFLOAT_CALL(setdomainname),
    MODELFLOAT_CALL(settimeofday),
    MODELFLOAT_CALL(clock_settime),
    MODELFLOAT_CALL(execveat),
#if defined(__x86_64__)
    MODELFLOAT_CALL(unlink),
    MODELFLOAT_CALL(rmdir),
    MODELFLOAT_CALL(rename),
    MODELFLOAT_CALL(link),
    MODELFLOAT_CALL(symlink),
    MODELFLOAT_CALL(mknod),
    MODELFLOAT_CALL(creat),
    MODELFLOAT_CALL(chmod),
    MODELFLOAT_CALL(chown),
    MODELFLOAT_CALL(lchown),
    MODELFLOAT_CALL(iopl),
    MODELFLOAT_CALL(ioperm),
    MODELFLOAT_CALL(modify_ldt),
#endif
};

// An alarm only with some arguments.
constexpr NamedSyscall k_conditional_alarms[] = {
    MODELFLOAT_CALL(kill),   MODELFLOAT_CALL(tgkill), MODELFLOAT_CALL(openat),
#if defined(__x86_64__)
    MODELFLOAT_CALL(open),
#endif
    MODELFLOAT_CALL(socket), MODELFLOAT_CALL(clone),  MODELFLOAT_CALL(execve),
};

#undef MODELFLOAT_CALL

}  // namespace

std::span<const std::uint32_t> allowed_syscalls() noexcept { return k_allowed; }
std::span<const NamedSyscall> alarm_syscalls() noexcept { return k_alarms; }
std::span<const NamedSyscall> conditional_alarm_syscalls() noexcept { return k_conditional_alarms; }

const char* alarm_name(std::uint32_t number) noexcept {
  for (const NamedSyscall& call : k_alarms) {
    if (call.number == number) return call.name;
  }
  for (const NamedSyscall& call : k_conditional_alarms) {
    if (call.number == number) return call.name;
  }
  return nullptr;
}

bool opens_a_file(std::uint32_t number) noexcept {
#if defined(__x86_64__)
  if (number == __NR_open) return true;
#endif
  return number == __NR_openat;
}

}  // namespace modelfloat::runner
