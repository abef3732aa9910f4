#pragma once
// Landlock: a process gives up its access to all files except those that it names.
// https://docs.kernel.org/userspace-api/landlock.html

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace modelfloat::runner {

// A file, or a folder with everything below it, that an engine may use.
struct PermittedPath {
  // Execute: read as well; list: only names, of a folder.
  enum class Use { read, execute, list, make_socket };
  // Absolute. A missing file is skipped.
  std::string path;
  Use use = Use::read;
};

// The version of the kernel's Landlock; 0 where there is none, or where it is switched off.
int landlock_version() noexcept;

// Older versions let a process rename files that it cannot open.
inline constexpr int k_oldest_landlock = 2;

// Restricts the calling process, and all programs that it executes, to the files in `permitted`.
// As far as `version` supports it, also forbids TCP, signals to processes outside, and abstract
// sockets of processes outside. This cannot be undone. The process must have set no_new_privs.
// Safe after a fork. Returns nullptr, or the step that failed, with errno set.
const char* restrict_by_landlock(int version, std::span<const PermittedPath> permitted) noexcept;

}  // namespace modelfloat::runner
