#pragma once
// Landlock: a process gives up the file system, but for what it names.
// https://docs.kernel.org/userspace-api/landlock.html

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace modelfloat::runner {

// A file, or a folder with all below it, that an engine may use.
struct PermittedPath {
  // Execute: read as well; list: only names, of a folder.
  enum class Use { read, execute, list, make_socket };
  // Absolute; one that is missing is passed over.
  std::string path;
  Use use = Use::read;
};

// The version of the kernel's Landlock; 0 where there is none, or where it is switched off.
int landlock_version() noexcept;

// Older ones let a process change the names of files that it cannot open.
inline constexpr int k_oldest_landlock = 2;

// Takes everything away from the calling process, for good and for all that it executes, but
// `permitted`: files, and, as far as `version` has it, TCP, signals to processes outside, and
// abstract sockets of processes outside. It wants no_new_privs. Safe after a fork. Returns nullptr,
// or the step that failed, with errno set.
const char* restrict_by_landlock(int version, std::span<const PermittedPath> permitted) noexcept;

}  // namespace modelfloat::runner
