#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/write_all.h"
#include "modelfloat/engine/pull.h"

namespace modelfloat::engine {
namespace {

namespace fs = std::filesystem;

// A file that is written out of order. Closed by the destructor.
class OutputFile {
 public:
  OutputFile(const fs::path& path, std::uint64_t size_bytes) : path_(path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd_ < 0) throw system_error(errno, path.string(), "cannot be created");
    // Room is asked for before anything is fetched. Not every file system can say; then the writes will.
    const int error = size_bytes == 0 ? 0 : posix_fallocate(fd_, 0, static_cast<off_t>(size_bytes));
    if (error == ENOSPC || error == EFBIG || error == EDQUOT) {
      ::close(fd_);
      throw system_error(error, path.string(), fmt::format("{} bytes cannot be written", size_bytes));
    }
  }
  ~OutputFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OutputFile(OutputFile&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  OutputFile& operator=(OutputFile&&) = delete;

  void write_at(std::uint64_t offset, ByteSpan bytes) const { write_all_at(fd_, offset, bytes, path_.string()); }
  // Reports what the file system only says at the end.
  void close() {
    if (::close(std::exchange(fd_, -1)) != 0) throw system_error(errno, path_.string(), "cannot be written");
  }

 private:
  fs::path path_;
  int fd_ = -1;
};

// A path beside the target that goes with everything below it unless it was moved into place.
class TemporaryPath {
 public:
  explicit TemporaryPath(fs::path path) : path_(std::move(path)) {}
  ~TemporaryPath() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

void rename_over(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw system_error(error.value(), to.string(), "cannot be put in place");
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw system_error(error.value(), folder.string(), "cannot be made");
}

// Where the model goes: a file for a model of one file, else a folder. A link stands for what it leads to.
fs::path final_path(const ManifestRoot& root, const fs::path& target) {
  fs::path path = target;
  if (root.files.size() == 1) {
    const fs::path leaf = fs::path(root.files.front().path).filename();
    if (target.empty()) path = leaf;
    if (fs::is_directory(path)) path /= leaf;
  } else if (target.empty()) {
    path = root.model.substr(root.model.find('/') + 1);
  }
  path = fs::absolute(path).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::error_code error;
  const fs::path followed = fs::is_symlink(path) ? fs::canonical(path, error) : path;
  return error ? path : followed;  // one that leads nowhere is replaced
}

// A file is put where nothing is or a file was; what else is there (a device, a pipe, a folder) is not ours to replace.
void require_file_or_nothing(const fs::path& path) {
  const auto status = fs::symlink_status(path);
  if (!fs::exists(status) || fs::is_regular_file(status) || fs::is_symlink(status)) return;
  throw Error(ErrorKind::invalid, path.string(),
              fs::is_directory(status) ? "a folder is where a file of the model goes"
                                       : "is no file that could be replaced; `modelfloat cat` writes to a pipe");
}

// Refuses what would stop move_into_place() half way.
void require_way(const ManifestRoot& root, const fs::path& to) {
  if (root.files.size() == 1) return require_file_or_nothing(to);
  if (fs::exists(to) && !fs::is_directory(to))
    throw Error(ErrorKind::invalid, to.string(), "is a file, and the model has several files: name a folder");
  for (const FileEntry& file : root.files) {
    fs::path place = to;
    for (const fs::path& part : fs::path(file.path).parent_path()) {
      place /= part;
      if (fs::exists(place) && !fs::is_directory(place))
        throw Error(ErrorKind::invalid, place.string(), "is a file where the model has a folder");
    }
    require_file_or_nothing(to / file.path);
  }
}

// Moves the pulled files into a folder that may exist already; files of the same path are replaced.
void move_into_place(const ManifestRoot& root, const fs::path& from, const fs::path& to) {
  if (!fs::exists(to)) {
    rename_over(from, to);
    return;
  }
  for (const FileEntry& file : root.files) {
    make_folder((to / file.path).parent_path());
    rename_over(from / file.path, to / file.path);
  }
}

}  // namespace

PullResult pull_to_path(Pool& pool, const ModelRef& ref, const fs::path& target, bool cached,
                        const TransferHooks& hooks, const CallOptions& call) {
  const SteadyTime begin = pool.environment().clock.steady_now();
  const OpenManifest manifest = open_manifest(pool, ref, cached, call);
  const ManifestRoot& root = manifest.root;
  const bool one_file = root.files.size() == 1;

  PullResult result;
  result.path = final_path(root, target);
  require_way(root, result.path);
  make_folder(result.path.parent_path());
  const TemporaryPath temporary(result.path.parent_path() / fmt::format(".{}.{}.part", result.path.filename().string(),
                                                                        to_hex(pool.environment().random.array<4>())));
  if (!one_file) make_folder(temporary.path());

  std::vector<OutputFile> outputs;
  for (const FileEntry& file : root.files) {
    const fs::path path = one_file ? temporary.path() : temporary.path() / file.path;
    if (!one_file) make_folder(path.parent_path());
    outputs.emplace_back(path, file.size_bytes);
  }
  result.bytes_fetched = read_files(
      pool, manifest, [](const FileEntry&) { return true; },
      [&](std::size_t file, std::uint64_t offset, ByteSpan bytes) { outputs[file].write_at(offset, bytes); }, hooks,
      call);
  for (OutputFile& output : outputs) output.close();

  if (one_file) {
    rename_over(temporary.path(), result.path);
  } else {
    move_into_place(root, temporary.path(), result.path);
  }
  result.model = root.model;
  result.revision = to_hex(root.revision);
  result.bytes = root.size_bytes();
  result.seconds = seconds_between(begin, pool.environment().clock.steady_now());
  return result;
}

}  // namespace modelfloat::engine
