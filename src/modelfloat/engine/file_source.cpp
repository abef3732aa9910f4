#include "modelfloat/engine/file_source.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat::engine {

FileSource::FileSource(const std::filesystem::path& path) : path_(path.string()) {
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw system_error(errno, path_, "cannot be opened");
  struct stat status{};
  if (::fstat(fd_, &status) != 0) throw system_error(errno, path_, "cannot be read");
  size_bytes_ = static_cast<std::uint64_t>(status.st_size);
  posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

FileSource::~FileSource() { ::close(fd_); }

std::size_t FileSource::read(MutableByteSpan to) {
  for (;;) {
    const ssize_t got = ::read(fd_, to.data(), to.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw system_error(errno, path_, "cannot be read");
  }
}

}  // namespace modelfloat::engine
