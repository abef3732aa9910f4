#pragma once
// The sandbox of an engine. An engine reads files from untrusted people, so it is treated as if
// such a file had taken control of it.

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
  // Start engines even where the kernel cannot keep them from the user's files.
  bool weak = false;

  // For tests: switches parts off. The result is the sandbox that a kernel without these parts
  // gets.
  int newest_landlock = std::numeric_limits<int>::max();
  bool private_mounts = true;
  bool namespaces = true;
  bool alarms = true;        // false: calls that would kill the engine fail instead
  bool limit_memory = true;  // sanitizers reserve more address space than any machine has memory
};

// How engines are kept from files.
enum class FileConfinement { landlock, private_mounts, none };

// The best confinement that this machine supports: Landlock, else private mounts. With neither it
// returns `none` if options.weak is set. Otherwise it throws NoEngine, whose message says why and
// what to do.
FileConfinement choose_file_confinement(const SandboxOptions&);

struct SandboxSpec {
  std::filesystem::path program;
  // The only folder in which the engine may make a socket. It contains nothing else. Empty: no
  // socket.
  std::filesystem::path socket_folder;
  std::filesystem::path root_folder;  // empty and ours, for FileConfinement::private_mounts
  std::uint64_t memory_bytes = 0;     // of private memory, so without the model; 0: no limit
  unsigned threads = 256;
};

// Confines one engine, permanently. Used for one child only, which it must outlive. The engine
// has:
//  - no privileges, no core dump, no byte written into any file, few descriptors, memory as
//    planned;
//  - namespaces of its own for users, processes, network and IPC, as far as the kernel permits;
//  - no file but the program's own parts, some facts about the machine, and a socket that it makes
//    itself;
// - no system call but those that engines make (syscall_filter.h).
class Sandbox final : public ChildConfinement {
 public:
  // Throws Error{unsupported} when the program is a script, because a script must read and run
  // other programs.
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
