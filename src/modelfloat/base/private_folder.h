#pragma once
// Where the sockets of our child processes are.

#include <filesystem>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat {

// A new folder that only this user may enter, removed with what is in it. What runs that were
// killed have left behind beside it is removed as well: a living owner holds a lock on its folder.
class PrivateFolder {
 public:
  // In `parent`; where that is empty, in XDG_RUNTIME_DIR or the system's folder for temporary
  // files.
  explicit PrivateFolder(std::filesystem::path parent = {});
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;
};

}  // namespace modelfloat
