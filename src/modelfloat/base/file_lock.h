#pragma once
// A lock on a file, by which processes on one machine agree who does something.

#include <filesystem>
#include <optional>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat {

// Held until it is destroyed, or the process ends, however it ends. The file stays.
class FileLock {
 public:
  // Returns nullopt when somebody else holds the lock, in this process or another. Makes the file,
  // for its owner alone, where there is none; its folder must exist. Throws a system_error() when
  // the file cannot be opened, or when its file system has no locks.
  static std::optional<FileLock> try_take(const std::filesystem::path& file);

 private:
  explicit FileLock(FileDescriptor fd) noexcept : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

}  // namespace modelfloat
