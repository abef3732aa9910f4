#pragma once
// Which system calls an engine may make, as programs for the kernel's seccomp.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <linux/filter.h>

#include "modelfloat/base/child_process.h"

namespace modelfloat::runner {

// Every call falls into one of three groups.
//  - What engines need is allowed, where it matters only with harmless arguments.
//  - What only somebody who attacks would call is an alarm: the caller is killed, and the name of
//    the call is reported.
//  - The rest fails with EPERM, or with the error that makes the C library go another way. Made
//    before a fork. entered() is called after it.
class SyscallFilter {
 public:
  // Without `alarms` what would be an alarm fails with EPERM. Sanitizers do some of it.
  explicit SyscallFilter(bool alarms);

  // Loads the filters into the calling process, for good and for all that it executes; it wants
  // no_new_privs. The one execve of `launch` stays allowed. The descriptor that tells of alarms
  // goes to the parent; where the kernel gives none, an alarm kills without a name (SIGSYS). Safe
  // after a fork. Returns nullptr, or the step that failed, with errno set.
  const char* enter(const ChildLaunch& launch) noexcept;

  struct Place {
    std::size_t instruction;
    enum class What { own_process, program, arguments, environment } what;
    bool high_half;
  };

 private:
  void fill_in(const ChildLaunch& launch) noexcept;

  bool alarms_;
  // Decides between allowed and EPERM; lets pass what is for watch_
  std::vector<sock_filter> refuse_;
  std::vector<sock_filter> watch_;    // the alarms, told to a listener
  std::vector<sock_filter> kill_;     // the alarms, where there is no listener
  std::vector<Place> refuse_places_;  // numbers that are known only after the fork
  std::vector<Place> watch_places_;
};

// Reads one alarm from the descriptor that enter() handed over. Returns what the caller did, such
// as "called ptrace"; nothing when the alarm is gone with its caller.
std::optional<std::string> read_syscall_alarm(int listener);

}  // namespace modelfloat::runner
