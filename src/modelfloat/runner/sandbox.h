#pragma once
// What an engine may not do. It reads files that strangers made, so it is treated as if one of them
// had taken it over.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/child_process.h"
#include "modelfloat/runner/landlock.h"
#include "modelfloat/runner/private_mounts.h"
#include "modelfloat/runner/syscall_filter.h"

namespace modelfloat::runner {

struct SandboxOptions {
  // Start engines also where the kernel offers nothing that keeps them from the user's files.
  bool weak = false;

  // What tests take away. None of it makes a sandbox that a kernel without it would not get.
  int newest_landlock = std::numeric_limits<int>::max();
  bool private_mounts = true;
  bool namespaces = true;
  bool alarms = true;        // false: what would kill the engine fails instead
  bool limit_memory = true;  // sanitizers reserve more address space than any machine has memory
};

// What keeps engines from files.
enum class FileConfinement { landlock, private_mounts, none };

// The best that this machine has: Landlock, else mounts of the engine's own. Neither: `none` where
// options.weak says so, else NoEngine, which says why and what to do.
FileConfinement choose_file_confinement(const SandboxOptions&);

struct SandboxSpec {
  std::filesystem::path program;
  // The one place for a socket; it holds nothing else. Empty: no socket.
  std::filesystem::path socket_folder;
  std::filesystem::path root_folder;  // empty and ours, for FileConfinement::private_mounts
  std::uint64_t memory_bytes = 0;     // of private memory, so without the model; 0: no limit
  unsigned threads = 256;
};

// Shuts in one engine, for good:
//  - no privileges, no core dump, no byte written into any file, few descriptors, memory as
//    planned;
//  - namespaces of its own for users, processes, network and IPC, as far as the kernel permits;
//  - no file but the program's own parts, some facts about the machine, and a socket that it makes
//    itself;
//  - no system call but those that engines make (syscall_filter.h). Outlives the child; for one
//    child only.
class Sandbox final : public ChildConfinement {
 public:
  // Throws Error{unsupported} when the program is a script: that would have to read and run other
  // programs.
  Sandbox(const SandboxSpec&, FileConfinement, const SandboxOptions&);

  std::span<const unsigned long> namespaces() const noexcept override { return namespaces_; }
  const char* enter(const ChildLaunch&) noexcept override;
  std::optional<std::string> alarm(int fd) noexcept override;

 private:
  const char* limit_resources(unsigned long namespaces) const noexcept;

  std::uint64_t memory_bytes_;
  unsigned threads_;
  int landlock_;  // its version, or 0
  std::vector<PermittedPath> files_;
  std::optional<PrivateMounts> mounts_;
  std::vector<unsigned long> namespaces_;
  SyscallFilter filter_;
};

}  // namespace modelfloat::runner
