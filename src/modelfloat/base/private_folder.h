#pragma once
// A private folder for the sockets of our child processes.

#include <filesystem>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat {

// A new folder that only this user may enter, removed with what is in it. Also removes such
// folders beside it that killed processes have left behind. A running owner holds a lock on its
// folder.
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
