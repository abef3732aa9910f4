#pragma once
// Syncs to the disk, also on file systems that cannot sync.

#include <cerrno>
#include <string>

#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat {

// Whether this error of fsync or fdatasync means that the file system does not support the call.
// That is so for some network and FUSE mounts, mostly for folders. False for a sync that was
// tried and failed (EIO, ENOSPC).
inline bool has_no_sync(int error_number) noexcept {
  return error_number == EINVAL || error_number == ENOTSUP || error_number == ENOSYS || error_number == EBADF;
}

// Returns when what was written to the open descriptor is on the disk, or at once when the file
// system does not support that. Else throws system_error(errno, where, message).
inline void sync_to_disk(int descriptor, const std::string& where, const std::string& message) {
  if (::fsync(descriptor) != 0 && !has_no_sync(errno)) throw system_error(errno, where, message);
}

}  // namespace modelfloat
