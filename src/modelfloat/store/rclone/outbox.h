#pragma once
// What rclone is given to upload.

#include <array>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/private_folder.h"

namespace modelfloat::store::rclone {

// Files that rclone copies from: it knows their size before it begins, and takes none for whole
// that is not, which it cannot do with a stream that is cut. They are in memory (a tmpfs), and on
// the disk where there is no room in memory. Shared by all threads.
class Outbox {
 public:
  // In `memory` first, where such a folder is.
  explicit Outbox(std::filesystem::path memory = "/dev/shm") : parents_{std::move(memory), {}} {}

  class File {
   public:
    File(std::filesystem::path folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}
    ~File();  // a reader that has it open keeps it
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    const std::filesystem::path& folder() const noexcept { return folder_; }
    const std::string& name() const noexcept { return name_; }

   private:
    std::filesystem::path folder_;
    std::string name_;
  };
  // A file with these bytes, whose name no other has had. Throws Error{transient} when neither
  // place has room.
  File hold(ByteSpan bytes, const std::string& name);

 private:
  std::filesystem::path folder_in(std::size_t parent);

  const std::array<std::filesystem::path, 2> parents_;  // as PrivateFolder takes them
  std::mutex mutex_;
  std::array<std::unique_ptr<PrivateFolder>, 2> folders_;  // made when they are needed
};

}  // namespace modelfloat::store::rclone
