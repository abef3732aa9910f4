#pragma once
// A temporary file or folder beside its target, which is renamed to the target once it is complete.

#include <filesystem>

#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/base/random.h"

namespace modelfloat::engine {

// A hidden file or folder with a name of fixed length. The destructor removes it and its content
// unless move_to() was called. The descriptor holds a lock (flock) while the Part lives. The lock
// tells a part that is being written from one that a killed process left.
class Part {
 public:
  enum class Kind { file, folder };
  // Creates it in `folder`. Throws Error when that fails.
  Part(const std::filesystem::path& folder, Kind kind, Random& random);
  ~Part();
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  // A descriptor of the file, for reading and writing, or of the folder.
  int descriptor() const noexcept { return lock_.get(); }
  // Renames it to `target`. An existing target is replaced if the file system allows it. Throws
  // Error when renaming fails.
  void move_to(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;  // empty once it has been moved
  FileDescriptor lock_;
};

// Removes parts in this folder that killed processes left. Touches only parts of this user, and
// removes them only on local file systems, where the lock proves that no process is writing. On
// others, such as network mounts, a warning names them. Never throws Error: what cannot be removed
// stays.
void clear_dead_parts(const std::filesystem::path& folder);

}  // namespace modelfloat::engine
