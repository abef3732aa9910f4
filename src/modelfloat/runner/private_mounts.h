#pragma once
// A private view of the file system for one process, made of mounts that only it sees. Used where
// there is no Landlock.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/runner/landlock.h"

namespace modelfloat::runner {

// Whether the kernel permits private mounts. Tries it in a child process that ends at once.
bool can_have_private_mounts() noexcept;

// Created before the fork. Its root folder becomes the root of the process, and has a mount point
// for each permitted file and folder.
class PrivateMounts {
 public:
  // Makes the mount points in `root`, which must exist and be empty. Throws Error when that
  // fails.
  PrivateMounts(std::filesystem::path root, std::span<const PermittedPath> permitted);

  // Restricts the calling process to the permitted files. It can only read them, and can create
  // files only in folders for sockets. The process must already be in its own mount namespace.
  // Safe after a fork. Returns nullptr, or the step that failed, with errno set.
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
