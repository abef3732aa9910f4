#include "modelfloat/store/rclone/outbox.h"

#include <cerrno>
#include <optional>
#include <system_error>

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

Outbox::Outbox(const std::filesystem::path& memory) {
  std::error_code error;
  if (std::filesystem::is_directory(memory, error) && ::access(memory.c_str(), W_OK) == 0)
    folders_.push_back(std::make_unique<PrivateFolder>(memory));
  folders_.push_back(std::make_unique<PrivateFolder>());
}

Outbox::File::~File() { ::unlink((folder_ / name_).c_str()); }

Outbox::File Outbox::hold(ByteSpan bytes, const std::string& name) const {
  std::optional<Error> failure;
  for (const auto& folder : folders_) {
    try {
      write_file(folder->path() / name, bytes);
      return {folder->path(), name};
    } catch (const Error& error) {
      failure = error;
    }
  }
  // Not out_of_space: that would be said of the store.
  throw Error(ErrorKind::transient, failure->where,
              std::string("no room for what rclone is to upload: ") + failure->what());
}

}  // namespace modelfloat::store::rclone
