#pragma once
// A file system of its own for a process, where there is no Landlock: mounts that only it sees.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/runner/landlock.h"

namespace modelfloat::runner {

// Whether the kernel lets us have mounts of our own. Tries it in a process that ends at once.
bool can_have_private_mounts() noexcept;

// Made before a fork, in a folder that is the process's new root and holds a place for everything
// that is permitted.
class PrivateMounts {
 public:
  // Makes the places in `root`, which exists and is empty. Throws Error when that fails.
  PrivateMounts(std::filesystem::path root, std::span<const PermittedPath> permitted);

  // Leaves the calling process with the permitted files alone, which it can only read; it can make
  // files only in folders for sockets. Its mount namespace is its own already. Safe after a fork.
  // Returns nullptr, or the step that failed, with errno set.
  const char* enter() const noexcept;

 private:
  struct Mount {
    std::string source;
    std::string target;
    bool writable;
  };

  void add(const PermittedPath&);
  std::filesystem::path make_place(const std::filesystem::path& path, bool is_folder) const;

  std::filesystem::path root_;
  std::vector<Mount> mounts_;
};

}  // namespace modelfloat::runner
