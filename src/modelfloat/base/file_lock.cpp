#include "modelfloat/base/file_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

#include "modelfloat/base/error.h"

namespace modelfloat {

std::optional<FileLock> FileLock::try_take(const std::filesystem::path& file) {
  constexpr mode_t k_owner_only = 0600;
  FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, k_owner_only));
  if (!fd) throw system_error(errno, file.string(), "cannot be opened");
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return std::nullopt;
    throw system_error(errno, file.string(), "cannot be locked");
  }
  return FileLock(std::move(fd));
}

}  // namespace modelfloat
