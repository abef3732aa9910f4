#include "modelfloat/engine/pull/part.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"

namespace modelfloat::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_part_prefix = ".modelfloat-";
constexpr std::string_view k_part_suffix = ".part";
constexpr std::size_t k_part_digits = 16;
constexpr int k_part_attempts = 16;

std::string part_name(Random& random) {
  std::string name(k_part_prefix);
  name += to_hex(random.array<k_part_digits / 2>());
  return name += k_part_suffix;
}

bool is_part_name(std::string_view leaf) {
  return leaf.size() == k_part_prefix.size() + k_part_digits + k_part_suffix.size() &&
         leaf.starts_with(k_part_prefix) && leaf.ends_with(k_part_suffix) &&
         leaf.substr(k_part_prefix.size(), k_part_digits).find_first_not_of("0123456789abcdef") == leaf.npos;
}

// Whether the path still leads to the file of the descriptor.
bool is_still_named(int descriptor, const fs::path& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(descriptor, &held) == 0 && ::lstat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

FileDescriptor make_part(const fs::path& path, Part::Kind kind) {
  if (kind == Part::Kind::file)
    return FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (::mkdir(path.c_str(), 0777) != 0) return {};
  FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  const int error = errno;
  if (!folder) ::rmdir(path.c_str());
  errno = error;
  return folder;
}

// Returns false when another process has the lock: that process is about to remove the part. On a
// file system without locks this returns true, and clear_dead_parts() gets no lock there either.
bool lock_part(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return true;
  }
  return true;
}

// Whether holding a lock proves that no other process has it. That is so on file systems that only
// one kernel mounts. Network and FUSE mounts may know only the locks of this machine.
bool locks_are_known_to_all(int descriptor) {
  struct statfs about{};
  if (::fstatfs(descriptor, &about) != 0) return false;
  constexpr std::uint32_t k_local_types[] = {
      0xEF53,      // ext2, ext3, ext4
      0x58465342,  // xfs
      0x9123683E,  // btrfs
      0xF2F52010,  // f2fs
      0x2FC12FC1,  // zfs
      0xCA451A4E,  // bcachefs
      0x01021994,  // tmpfs
      0x794C7630,  // overlayfs
      0x4D44,      // vfat
      0x2011BAB0,  // exfat
      0x7366746E,  // ntfs3
  };
  return std::find(std::begin(k_local_types), std::end(k_local_types), static_cast<std::uint32_t>(about.f_type)) !=
         std::end(k_local_types);
}

void clear_if_dead(const fs::path& path) {
  struct stat about{};
  if (::lstat(path.c_str(), &about) != 0 || about.st_uid != ::geteuid()) return;
  if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) return;
  const FileDescriptor part(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!part || ::flock(part.get(), LOCK_EX | LOCK_NB) != 0 || !is_still_named(part.get(), path)) return;
  if (!locks_are_known_to_all(part.get())) {
    log_warning(path.string() +
                " was left behind by a pull, or one on another machine writes to it: if none is under way, remove it");
    return;
  }
  std::error_code error;
  fs::remove_all(path, error);
  if (error) {
    log_warning(path.string() + " was left behind by a pull and cannot be removed: " + error.message());
  } else {
    log_info("removed " + path.string() + ", which a pull that was cut off had left behind");
  }
}

}  // namespace

Part::Part(const fs::path& folder, Kind kind, Random& random) {
  for (int attempt = 0; attempt < k_part_attempts; ++attempt) {
    path_ = folder / part_name(random);
    lock_ = make_part(path_, kind);
    const int error = errno;
    if (lock_ && lock_part(lock_.get()) && is_still_named(lock_.get(), path_)) return;
    // Before it is locked, it looks like a part that a killed process left, so a pull that starts
    // at this moment may remove it.
    const bool may_be_cleared = error == EEXIST || error == ENOENT;
    if (!lock_ && (!may_be_cleared || attempt + 1 == k_part_attempts))
      throw system_error(error, folder.string(), "nothing can be created in it");
  }
  throw Error(ErrorKind::transient, folder.string(), "nothing that is made there stays");
}

Part::~Part() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void Part::move_to(const fs::path& target) {
  std::error_code error;
  fs::rename(path_, target, error);
  if (error) throw system_error(error.value(), target.string(), "cannot be put in place");
  path_.clear();
}

void clear_dead_parts(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_part_name(entry->path().filename().native())) clear_if_dead(entry->path());
  }
}

}  // namespace modelfloat::engine
