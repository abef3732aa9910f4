#pragma once
// The system calls that the filter of an engine knows, by group (syscall_filter.h). Plain data.

#include <cstdint>
#include <span>

namespace modelfloat::runner {

struct NamedSyscall {
  std::uint32_t number;
  const char* name;
};

// Allowed with any arguments. The most frequent calls during a generation come first.
std::span<const std::uint32_t> allowed_syscalls() noexcept;
// Alarms with any arguments.
std::span<const NamedSyscall> alarm_syscalls() noexcept;
// Alarms with some arguments only. The filter has a rule for each of them.
std::span<const NamedSyscall> conditional_alarm_syscalls() noexcept;

// The name of a call that is an alarm, always or with some arguments; nullptr for any other call.
const char* alarm_name(std::uint32_t number) noexcept;
// Whether the call is open or openat.
bool opens_a_file(std::uint32_t number) noexcept;

}  // namespace modelfloat::runner
