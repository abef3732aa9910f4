#include "modelfloat/engine/push/file_source.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat::engine {
namespace {

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

FileSource::FileSource(const std::filesystem::path& path)
    : path_(path.string()), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (!file_) throw system_error(errno, path_, "cannot be opened");
  if (::fstat(file_.get(), &opened_) != 0) throw system_error(errno, path_, "cannot be read");
  // It may have been another kind of file when the folder was listed. Opening a pipe would block.
  if (!S_ISREG(opened_.st_mode)) throw Error(ErrorKind::invalid, path_, "is no regular file");
  posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
}

std::size_t FileSource::read(MutableByteSpan to) {
  for (;;) {
    const ssize_t got = ::read(file_.get(), to.data(), to.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw system_error(errno, path_, "cannot be read");
  }
}

bool FileSource::has_changed() const {
  struct stat now{};
  if (::stat(path_.c_str(), &now) != 0) return true;
  return now.st_dev != opened_.st_dev || now.st_ino != opened_.st_ino || now.st_size != opened_.st_size ||
         !same_time(now.st_mtim, opened_.st_mtim) || !same_time(now.st_ctim, opened_.st_ctim);
}

}  // namespace modelfloat::engine
