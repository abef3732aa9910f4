#include "modelfloat/engine/pull/pull_output.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/write_all.h"

namespace modelfloat::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_open_files = 32;
// For more files and folders than this, syncing the whole file system once takes less time than
// syncing each of them.
constexpr std::size_t k_single_syncs = 64;

// Errors of file systems that cannot sync, such as some network and FUSE mounts. They are ignored.
bool cannot_sync(int error) noexcept {
  return error == EINVAL || error == ENOTSUP || error == ENOSYS || error == EROFS;
}

void sync_by(int (*sync)(int), int descriptor, const std::string& where) {
  while (sync(descriptor) != 0) {
    if (cannot_sync(errno)) return;
    if (errno != EINTR) throw system_error(errno, where, "cannot be written to the disk");
  }
}

// `folder` is below `parent`, unless it is absolute.
void sync_folder(int parent, const fs::path& folder) {
  const FileDescriptor descriptor(::openat(parent, folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor) return sync_by(::fsync, descriptor.get(), folder.string());
  // A folder that can be written but not read cannot be opened for syncing; that is accepted.
  if (errno != EACCES) throw system_error(errno, folder.string(), "cannot be opened");
}

void sync_folders(std::vector<fs::path> folders) {
  std::sort(folders.begin(), folders.end());
  folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
  const auto is_too_long = [](const fs::path& folder) { return folder.native().size() >= PATH_MAX; };
  if (folders.size() <= k_single_syncs && std::none_of(folders.begin(), folders.end(), is_too_long)) {
    for (const fs::path& folder : folders) sync_folder(AT_FDCWD, folder);
    return;
  }
  const FileDescriptor any(::open(folders.front().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!any) throw system_error(errno, folders.front().string(), "cannot be opened");
  sync_by(::syncfs, any.get(), folders.front().string());
}

// Returns the folders of the files; parents come first.
std::vector<std::string> folders_of(const ManifestRoot& root) {
  std::set<std::string> folders;  // "a" comes before "a/b"
  for (const FileEntry& file : root.files) {
    for (auto slash = file.path.rfind('/'); slash != std::string::npos; slash = file.path.rfind('/', slash - 1)) {
      if (!folders.insert(file.path.substr(0, slash)).second) break;
    }
  }
  return {folders.begin(), folders.end()};
}

// Room is asked for before anything is fetched. Not every file system can say; then the writes
// will.
void ask_for_room(int descriptor, std::uint64_t size_bytes, const std::string& where) {
  if (size_bytes == 0 || ::fallocate(descriptor, 0, 0, static_cast<off_t>(size_bytes)) == 0) return;
  if (errno == ENOSPC || errno == EFBIG || errno == EDQUOT)
    throw system_error(errno, where, fmt::format("{} bytes cannot be written", size_bytes));
}

}  // namespace

std::vector<fs::path> make_folders(const fs::path& folder) {
  std::vector<fs::path> missing;
  fs::path at = folder;
  while (!at.empty() && at.has_filename() && ::access(at.c_str(), F_OK) != 0 && errno == ENOENT) {
    missing.push_back(at);
    at = at.parent_path();
  }
  std::vector<fs::path> changed;
  for (auto one = missing.rbegin(); one != missing.rend(); ++one) {
    if (::mkdir(one->c_str(), 0777) == 0) {
      changed.push_back(one->parent_path());
    } else if (errno != EEXIST) {
      throw system_error(errno, one->string(), "cannot be made");
    }
  }
  return changed;
}

fs::path place_of_part(const ManifestRoot& root, const fs::path& target) {
  std::error_code error;
  const bool goes_into_a_folder = root.files.size() != 1 && fs::is_directory(target, error);
  return goes_into_a_folder ? target : target.parent_path();
}

class PullOutput::Open {
 public:
  Open(int descriptor, std::atomic<int>& trouble) : descriptor_(descriptor), trouble_(trouble) {}
  ~Open() {
    if (::close(descriptor_) != 0 && errno != EINTR) trouble_ = errno;
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  int descriptor() const noexcept { return descriptor_; }

 private:
  const int descriptor_;
  std::atomic<int>& trouble_;
};

PullOutput::PullOutput(const ManifestRoot& root, fs::path target, Random& random)
    : root_(root),
      target_(std::move(target)),
      part_(place_of_part(root, target_), root.files.size() == 1 ? Part::Kind::file : Part::Kind::folder, random) {
  if (!is_one_file()) {
    folders_ = folders_of(root);
    for (const std::string& inner : folders_) {
      if (::mkdirat(part_.descriptor(), inner.c_str(), 0777) != 0)
        throw system_error(errno, (target_ / inner).string(), "cannot be made");
    }
  }
  for (std::size_t file = 0; file < root.files.size(); ++file) make_file(file);
}

std::string PullOutput::where(std::size_t file) const {
  return is_one_file() ? target_.string() : (target_ / root_.files[file].path).string();
}

int PullOutput::open_file(std::size_t file, int flags) const {
  flags |= O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
  const int descriptor = is_one_file() ? ::open(part_.path().c_str(), flags)
                                       : ::openat(part_.descriptor(), root_.files[file].path.c_str(), flags, 0644);
  if (descriptor < 0) throw system_error(errno, where(file), "cannot be created");
  return descriptor;
}

void PullOutput::make_file(std::size_t file) {
  const Open made(open_file(file, is_one_file() ? 0 : O_CREAT | O_EXCL), trouble_);
  ask_for_room(made.descriptor(), root_.files[file].size_bytes, where(file));
}

std::shared_ptr<const PullOutput::Open> PullOutput::opened(std::size_t file) {
  const std::lock_guard lock(mutex_);
  if (const auto found = open_.find(file); found != open_.end()) {
    use_.splice(use_.begin(), use_, found->second.use);
    return found->second.file;
  }
  auto open = std::make_shared<const Open>(open_file(file, 0), trouble_);
  if (open_.size() == k_open_files) {
    open_.erase(use_.back());
    use_.pop_back();
  }
  use_.push_front(file);
  open_.emplace(file, Entry{use_.begin(), open});
  return open;
}

void PullOutput::write_at(std::size_t file, std::uint64_t offset, ByteSpan bytes) {
  const auto open = opened(file);
  write_all_at(open->descriptor(), offset, bytes, where(file));
  // Starts writing to the disk while more bytes arrive, so that the final sync takes less time.
  ::sync_file_range(open->descriptor(), static_cast<off_t>(offset), static_cast<off_t>(bytes.size()),
                    SYNC_FILE_RANGE_WRITE);
}

void PullOutput::sync_content() {
  {
    const std::lock_guard lock(mutex_);
    open_.clear();
    use_.clear();
  }
  if (root_.files.size() + folders_.size() > k_single_syncs) {
    sync_by(::syncfs, part_.descriptor(), target_.string());
  } else {
    for (std::size_t file = 0; file < root_.files.size(); ++file) {
      const Open open(open_file(file, 0), trouble_);
      sync_by(::fdatasync, open.descriptor(), where(file));
    }
    for (const std::string& inner : folders_) sync_folder(part_.descriptor(), inner);
    if (!is_one_file()) sync_by(::fsync, part_.descriptor(), target_.string());
  }
  if (const int error = trouble_) throw system_error(error, target_.string(), "cannot be written");
}

void PullOutput::move_into_target(std::vector<fs::path>& new_entries) {
  const FileDescriptor folder(::open(target_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw system_error(errno, target_.string(), "cannot be opened");
  for (const std::string& inner : folders_) {
    if (::mkdirat(folder.get(), inner.c_str(), 0777) == 0) {
      new_entries.push_back((target_ / inner).parent_path());
    } else if (errno != EEXIST) {
      throw system_error(errno, (target_ / inner).string(), "cannot be made");
    }
  }
  for (const FileEntry& file : root_.files) {
    if (::renameat(part_.descriptor(), file.path.c_str(), folder.get(), file.path.c_str()) != 0)
      throw system_error(errno, (target_ / file.path).string(), "cannot be put in place");
    new_entries.push_back((target_ / file.path).parent_path());
  }
}

void PullOutput::keep(std::vector<fs::path> new_entries) {
  sync_content();
  if (!is_one_file() && ::access(target_.c_str(), F_OK) == 0) {
    move_into_target(new_entries);
  } else {
    part_.move_to(target_);
    new_entries.push_back(target_.parent_path());
  }
  sync_folders(std::move(new_entries));
}

}  // namespace modelfloat::engine
