#include "modelfloat/store/rclone/outbox.h"

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/base/write_all.h"

namespace modelfloat::store::rclone {
namespace {

// Leaves nothing when it throws.
void write_file(const std::filesystem::path& path, ByteSpan bytes) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) throw system_error(errno, path.string(), "cannot be made");
  try {
    write_all(file.get(), bytes, path.string());
  } catch (const Error&) {
    ::unlink(path.c_str());
    throw;
  }
}

}  // namespace

std::filesystem::path Outbox::folder_in(std::size_t parent) {
  const std::lock_guard lock(mutex_);
  if (!folders_[parent]) folders_[parent] = std::make_unique<PrivateFolder>(parents_[parent]);
  return folders_[parent]->path();
}

Outbox::File::~File() { ::unlink((folder_ / name_).c_str()); }

Outbox::File Outbox::hold(ByteSpan bytes, const std::string& name) {
  std::optional<Error> failure;
  for (std::size_t parent = 0; parent < parents_.size(); ++parent) {
    try {
      const std::filesystem::path folder = folder_in(parent);
      write_file(folder / name, bytes);
      return {folder, name};
    } catch (const Error& error) {
      failure = error;
    }
  }
  // Not out_of_space: that would mean that the store is full.
  throw Error(ErrorKind::transient, failure->where,
              std::string("no room for what rclone is to upload: ") + failure->what());
}

}  // namespace modelfloat::store::rclone
