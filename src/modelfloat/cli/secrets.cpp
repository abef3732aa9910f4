#include "modelfloat/cli/secrets.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/expand_home.h"
#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/no_sync.h"
#include "modelfloat/base/write_all.h"
#include "modelfloat/cli/terminal.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_max_secret_bytes = 64U << 10;

FileDescriptor open_secret(const fs::path& file) {
  FileDescriptor fd(::open(expand_home(file.string()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw system_error(errno, file.string(), "cannot be read");
  return fd;
}

// The buffer has a fixed size: a growing one would leave copies of the secret in freed memory.
crypto::SecretBytes read_secret(int fd, const fs::path& file) {
  Bytes buffer(k_max_secret_bytes);
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t count = ::read(fd, buffer.data() + size, buffer.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      crypto::wipe(buffer);
      throw system_error(error, file.string(), "cannot be read");
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  const bool fits = size < buffer.size();
  crypto::SecretBytes secret(ByteSpan(buffer).first(size));
  crypto::wipe(buffer);
  if (!fits) throw Error(ErrorKind::invalid, file.string(), "is too large to be a secret");
  return secret;
}

void warn_when_open_to_others(int fd, const fs::path& file) {
  struct stat status{};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    log_warning(file.string() + " can be read by other users: chmod 600 it");
  }
}

constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";

// Returns the text without the byte order mark that some editors put in front.
std::string_view text_of(const crypto::SecretBytes& content, const fs::path& file) {
  std::string_view text = as_text(content.bytes());
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw Error(ErrorKind::invalid, file.string(), "is a text in UTF-16: save it as UTF-8");
  }
  if (text.starts_with(k_byte_order_mark)) text.remove_prefix(k_byte_order_mark.size());
  return text;
}

bool is_key_file(std::string_view text) {
  try {
    mf1::parse_key_file(text);
    return true;
  } catch (const Error&) {
    return false;
  }
}

constexpr mode_t k_owner_only = 0600;
constexpr const char* k_cannot_be_made = "cannot be made";

Error exists_already(const fs::path& file) { return {ErrorKind::invalid, file.string(), "exists already"}; }

void write_and_sync(int fd, ByteSpan text, const fs::path& file) {
  write_all(fd, text, file.string());
  sync_to_disk(fd, file.string(), "cannot be written");
}

// Makes the file without a name, and gives it its name when it is on the disk. Returns false where
// the file system cannot do that.
bool make_whole_file(int folder, const fs::path& path, ByteSpan text, const fs::path& file) {
  const FileDescriptor fd(::openat(folder, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, k_owner_only));
  if (!fd) return false;
  write_and_sync(fd.get(), text, file);
  const std::string opened = "/proc/self/fd/" + std::to_string(fd.get());
  if (::linkat(AT_FDCWD, opened.c_str(), folder, path.filename().c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno == EEXIST) throw exists_already(file);
  return false;
}

void make_named_file(const fs::path& path, ByteSpan text, const fs::path& file) {
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, k_owner_only));
  if (!fd) {
    if (errno == EEXIST) throw exists_already(file);
    throw system_error(errno, file.string(), k_cannot_be_made);
  }
  try {
    write_and_sync(fd.get(), text, file);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

}  // namespace

void make_secret_file(const fs::path& file, const crypto::SecretBytes& text) {
  const fs::path path = expand_home(file.string());
  if (path.filename().empty()) throw Error(ErrorKind::invalid, file.string(), "is a folder: name a file in it");
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const FileDescriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Files can be made in a folder that cannot be read.
  if (!folder || !make_whole_file(folder.get(), path, text.bytes(), file)) make_named_file(path, text.bytes(), file);
  if (folder) sync_to_disk(folder.get(), parent.string(), "cannot be written");
}

mf1::SlotSecret read_key_file(const fs::path& file) {
  const FileDescriptor fd = open_secret(file);
  warn_when_open_to_others(fd.get(), file);
  const auto text = read_secret(fd.get(), file);
  try {
    return mf1::SlotSecret::key_file(mf1::parse_key_file(text_of(text, file)));
  } catch (const Error& error) {
    if (error.where == file.string()) throw;
    if (text_of(text, file).starts_with(mf1::k_maintenance_key_mark)) {
      throw Error(ErrorKind::denied, file.string(),
                  "is a maintenance key, which cannot open the pool: it is for `modelfloat repair "
                  "--maintenance-key-file`");
    }
    throw Error(ErrorKind::invalid, file.string(), "is not a key file");
  }
}

mf1::SlotSecret read_passphrase_file(const fs::path& file) {
  const FileDescriptor fd = open_secret(file);
  const auto passphrase = read_secret(fd.get(), file);
  if (as_text(passphrase.bytes()).starts_with(k_byte_order_mark)) {
    log_warning(file.string() + " begins with a byte order mark, which is taken for a part of the passphrase");
  }
  return mf1::SlotSecret::passphrase(passphrase);
}

mf1::SlotSecret read_recovery_code_file(const fs::path& file) {
  const FileDescriptor fd = open_secret(file);
  const auto text = read_secret(fd.get(), file);
  return mf1::SlotSecret::recovery_code(mf1::RecoveryCode::parse(text_of(text, file)));
}

mf1::MaintenanceKey read_maintenance_key_file(const fs::path& file) {
  const FileDescriptor fd = open_secret(file);
  warn_when_open_to_others(fd.get(), file);
  const auto content = read_secret(fd.get(), file);
  const std::string_view text = as_text(content.bytes());
  if (is_key_file(text)) {
    throw Error(ErrorKind::invalid, file.string(),
                "is a key file, which opens the whole pool: make a maintenance key with `modelfloat key export "
                "--maintenance`, and keep this one at home");
  }
  try {
    return mf1::MaintenanceKey::parse(text);
  } catch (const Error& error) {
    throw Error(error.kind, file.string(), error.what());
  }
}

void make_key_file(const fs::path& file, Random& random) {
  std::string text = mf1::key_file_text(crypto::SecretKey::random(random));
  const crypto::SecretBytes secret{std::string_view(text)};
  crypto::wipe(std::as_writable_bytes(std::span(text)));
  make_secret_file(file, secret);
}

store::Credentials read_credentials_file(const fs::path& file) {
  const FileDescriptor fd = open_secret(file);
  warn_when_open_to_others(fd.get(), file);
  return store::Credentials::parse(read_secret(fd.get(), file).bytes(), file.string());
}

mf1::SlotSecret ask_passphrase(const std::stop_token& stop) {
  if (!has_terminal()) {
    throw Error(ErrorKind::denied, "this pool",
                "is locked, and this home has no key file: give --key-file or --passphrase-file, or set "
                "MODELFLOAT_PASSPHRASE_FILE. With the recovery code, or the key file of another machine, `modelfloat "
                "recover` opens it in an empty home (MODELFLOAT_HOME)");
  }
  return mf1::SlotSecret::passphrase(ask_terminal("passphrase: ", true, stop));
}

}  // namespace modelfloat::cli
