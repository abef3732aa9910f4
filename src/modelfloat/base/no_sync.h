#pragma once
// File systems that cannot sync.

#include <cerrno>

namespace modelfloat {

// Whether fsync or fdatasync of an open descriptor gave what file systems say that have no such
// call for it (some network and FUSE mounts, mostly for folders). A sync that was tried and failed
// (EIO, ENOSPC) is something else.
inline bool has_no_sync(int error_number) noexcept {
  return error_number == EINVAL || error_number == ENOTSUP || error_number == ENOSYS || error_number == EBADF;
}

}  // namespace modelfloat
