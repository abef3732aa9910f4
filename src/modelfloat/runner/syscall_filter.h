#pragma once
// Which system calls an engine may make, as programs for the kernel's seccomp.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <linux/filter.h>

#include "modelfloat/base/child_process.h"

namespace modelfloat::runner {

// Made before a fork; enter() is called after it. Every system call is in one of three groups.
// - Calls that engines need are allowed, where necessary only with harmless arguments.
// - Calls that only an attacker would make are alarms: the caller is killed, and the name of the
//   call is reported.
// - All other calls fail with EPERM, or with the error that makes the C library use an
//   alternative.
class SyscallFilter {
 public:
  // Without `alarms`, calls that would be alarms fail with EPERM. Sanitizers make some of these
  // calls.
  explicit SyscallFilter(bool alarms);

  // Loads the filters into the calling process. They cannot be removed, and also hold for
  // programs that it executes. The process must have set no_new_privs. Only the execve of
  // `launch` stays allowed. The descriptor that reports alarms is handed to the parent; where the
  // kernel has none, an alarm kills with SIGSYS and without the name of the call. Safe after a
  // fork. Returns nullptr, or the step that failed, with errno set.
  const char* enter(const ChildLaunch& launch) noexcept;

  struct Place {
    std::size_t instruction;
    enum class What { own_process, program, arguments, environment } what;
    bool high_half;
  };

 private:
  void fill_in(const ChildLaunch& launch) noexcept;

  bool alarms_;
  // Decides between allowed and EPERM; allows the calls that watch_ handles
  std::vector<sock_filter> refuse_;
  std::vector<sock_filter> watch_;    // the alarms, told to a listener
  std::vector<sock_filter> kill_;     // the alarms, where there is no listener
  std::vector<Place> refuse_places_;  // numbers that are known only after the fork
  std::vector<Place> watch_places_;
};

// Reads one alarm from the descriptor that enter() handed over. Returns what the caller did, such
// as "called ptrace"; nullopt when the caller has ended and its alarm with it.
std::optional<std::string> read_syscall_alarm(int listener);

}  // namespace modelfloat::runner
