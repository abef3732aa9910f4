#include "modelfloat/cli/key_path.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/error.h"
#include "modelfloat/base/expand_home.h"
#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/base/no_sync.h"
#include "modelfloat/base/write_all.h"

namespace modelfloat::cli {

namespace fs = std::filesystem;

static constexpr const char* k_cannot_be_written = "cannot be written";

std::optional<fs::path> remembered_key_file(const Home& home) {
  const fs::path note = home.key_path_file();
  const auto damaged = [&note] {
    return Error(ErrorKind::corrupt, note.string(),
                 "does not say where the key file is: remove it and give --key-file");
  };
  std::error_code error;
  if (fs::symlink_status(note, error).type() == fs::file_type::not_found) return std::nullopt;
  // Of what cannot be looked at it is not known whether it is there.
  const auto type = fs::status(note, error).type();
  if (type == fs::file_type::none) throw system_error(error.value(), note.string(), "cannot be read");
  if (type != fs::file_type::regular) throw damaged();
  std::ifstream stream(note, std::ios::binary);
  if (!stream) throw system_error(errno, note.string(), "cannot be read");
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (text.ends_with('\n')) text.pop_back();
  if (text.find('\0') != std::string::npos || !fs::path(text).is_absolute()) throw damaged();
  return text;
}

void remember_key_file(const Home& home, const fs::path& file) {
  constexpr mode_t k_owner_only = 0600;
  const std::string text = fs::absolute(expand_home(file.string())).lexically_normal().string() + "\n";
  const FileDescriptor folder(::open(home.state_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // The lock lets one process write at a time. The temporary file always has the same name, so that
  // none is left behind.
  if (!folder || ::flock(folder.get(), LOCK_EX) != 0)
    throw system_error(errno, home.state_folder.string(), k_cannot_be_written);
  const fs::path note = home.key_path_file();
  const fs::path unfinished = fs::path(note) += ".new";
  const FileDescriptor fd(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, k_owner_only));
  if (!fd) throw system_error(errno, unfinished.string(), k_cannot_be_written);
  write_all(fd.get(), as_bytes(text), unfinished.string());
  sync_to_disk(fd.get(), unfinished.string(), k_cannot_be_written);
  if (::rename(unfinished.c_str(), note.c_str()) != 0) throw system_error(errno, note.string(), k_cannot_be_written);
  sync_to_disk(folder.get(), home.state_folder.string(), k_cannot_be_written);
}

void forget_key_file(const Home& home) {
  std::error_code error;
  fs::remove(home.key_path_file(), error);
  if (error) throw system_error(error.value(), home.key_path_file().string(), "cannot be removed");
}

}  // namespace modelfloat::cli
