#pragma once
// The files from which rclone uploads.

#include <array>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/private_folder.h"

namespace modelfloat::store::rclone {

// Keeps files that rclone copies from. With a file rclone knows the size in advance, and can tell
// when an upload is incomplete; with a stream that is cut it cannot. Files are in memory (a tmpfs),
// or on disk when memory has no room. Any thread may call any method.
class Outbox {
 public:
  // Uses the folder `memory` first, if it exists.
  explicit Outbox(std::filesystem::path memory = "/dev/shm") : parents_{std::move(memory), {}} {}

  class File {
   public:
    File(std::filesystem::path folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}
    ~File();  // a reader that has it open can read on
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    const std::filesystem::path& folder() const noexcept { return folder_; }
    const std::string& name() const noexcept { return name_; }

   private:
    std::filesystem::path folder_;
    std::string name_;
  };
  // Makes a file with these bytes and a name that was never used before. The destructor of File
  // removes it. Throws Error{transient} when neither place has room.
  File hold(ByteSpan bytes, const std::string& name);

 private:
  std::filesystem::path folder_in(std::size_t parent);

  const std::array<std::filesystem::path, 2> parents_;  // as PrivateFolder takes them
  std::mutex mutex_;
  std::array<std::unique_ptr<PrivateFolder>, 2> folders_;  // made when first needed
};

}  // namespace modelfloat::store::rclone
