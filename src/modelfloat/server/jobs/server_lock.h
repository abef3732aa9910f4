#pragma once
// Tells servers that live from those that ended, where several use one home.

#include <filesystem>
#include <optional>
#include <string>

#include "modelfloat/base/file_lock.h"
#include "modelfloat/base/random.h"

namespace modelfloat::server {

// The id of a server, and a locked file of that name for as long as the server lives.
class ServerLock {
 public:
  // Makes the folder, whose parent must exist, and the file. With an empty `folder`, or where files
  // cannot be locked, has an id alone; a warning says so in the second case.
  ServerLock(std::filesystem::path folder, Random& random);
  ~ServerLock();  // removes the file
  ServerLock(const ServerLock&) = delete;
  ServerLock& operator=(const ServerLock&) = delete;

  const std::string& id() const noexcept { return id_; }
  // Whether the server with this id has ended for sure. Removes what it left behind. May be called
  // from any thread.
  bool has_ended(const std::string& id) const;

 private:
  std::filesystem::path file_of(const std::string& id) const { return folder_ / (id + ".lock"); }

  const std::filesystem::path folder_;
  const std::string id_;
  std::optional<FileLock> lock_;
};

}  // namespace modelfloat::server
