#pragma once
// What is being written beside its target, until it is whole and gets its name.

#include <filesystem>

#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/base/random.h"

namespace modelfloat::engine {

// A hidden file or folder with a name of fixed length. Goes, with everything below it, unless it
// was moved away. The descriptor holds a lock (flock) as long as the Part lives: by that a part
// whose process was killed is told from one that is still being written.
class Part {
 public:
  enum class Kind { file, folder };
  // Throws Error when it cannot be made in `folder`.
  Part(const std::filesystem::path& folder, Kind kind, Random& random);
  ~Part();
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  // Of the file, to read and write, or of the folder.
  int descriptor() const noexcept { return lock_.get(); }
  // Gives it its name; what has that name is replaced if the file system allows it. Throws Error.
  void move_to(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;  // empty once it has been moved
  FileDescriptor lock_;
};

// Removes the parts in this folder that no process writes to any more. Only parts of this user are
// touched, and only on file systems where a lock that can be had proves that nobody else has it: on
// others, such as network mounts, they are named in a warning. Never throws Error: what cannot be
// removed stays.
void clear_dead_parts(const std::filesystem::path& folder);

}  // namespace modelfloat::engine
