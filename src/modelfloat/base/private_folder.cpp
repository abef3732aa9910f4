#include "modelfloat/base/private_folder.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat {
namespace {

namespace fs = std::filesystem;

constexpr auto k_prefix = "modelfloat-run-";
constexpr std::chrono::minutes k_settled{1};  // by then a folder's maker has locked it, or is dead

fs::path default_parent() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe): nobody sets any
  std::error_code error;
  if (runtime != nullptr && fs::is_directory(runtime, error)) return runtime;
  fs::path folder = fs::temp_directory_path(error);
  if (error) {
    const char* named = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
    throw system_error(error.value(), named != nullptr ? named : "/tmp",
                       "cannot be used for temporary files (the variable TMPDIR names another folder)");
  }
  return folder;
}

FileDescriptor locked(const fs::path& folder) {
  FileDescriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.reset();
  return lock;
}

void remove_leftovers(const fs::path& parent) {
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(k_prefix)) continue;
    struct stat about{};
    if (::lstat(entry->path().c_str(), &about) != 0 || about.st_uid != ::geteuid()) continue;
    const auto changed = std::chrono::system_clock::from_time_t(about.st_mtime);
    if (std::chrono::system_clock::now() - changed < k_settled) continue;
    const FileDescriptor lock = locked(entry->path());
    std::error_code ignored;
    if (lock) fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace

PrivateFolder::PrivateFolder(fs::path parent) {
  if (parent.empty()) parent = default_parent();
  remove_leftovers(parent);
  std::string name = (parent / (std::string(k_prefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) throw system_error(errno, name, "cannot make a private folder");
  path_ = name;
  lock_ = locked(path_);
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace modelfloat
