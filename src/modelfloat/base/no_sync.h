#pragma once
// Recognises file systems that cannot sync.

#include <cerrno>

namespace modelfloat {

// Whether this error of fsync or fdatasync means that the file system does not support the call.
// That is so for some network and FUSE mounts, mostly for folders. False for a sync that was
// tried and failed (EIO, ENOSPC).
inline bool has_no_sync(int error_number) noexcept {
  return error_number == EINVAL || error_number == ENOTSUP || error_number == ENOSYS || error_number == EBADF;
}

}  // namespace modelfloat
