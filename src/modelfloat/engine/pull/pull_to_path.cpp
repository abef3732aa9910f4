#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/pull/pull.h"
#include "modelfloat/engine/pull/pull_output.h"

namespace modelfloat::engine {
namespace {

namespace fs = std::filesystem;

// Returns what the path leads to. A missing path is no error. Throws Error when the status cannot
// be read.
fs::file_status look_at(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::none) throw system_error(error.value(), path.string(), "cannot be looked at");
  return status;
}

fs::path whole_path(const fs::path& path) {
  std::error_code error;
  auto whole = fs::absolute(path, error);
  if (error) throw system_error(error.value(), path.string(), "the working folder cannot be told");
  return whole.lexically_normal();
}

// Whether the path ends with a slash, as in "new/".
bool names_a_folder(const fs::path& path) { return !path.empty() && !path.has_filename(); }

// Returns where the model is written: a file for a model of one file, else a folder. A symbolic
// link is replaced by what it leads to.
fs::path final_path(const ManifestRoot& root, const std::string& model, const fs::path& target) {
  fs::path path = target;
  if (root.files.size() == 1) {
    const fs::path leaf = fs::path(root.files.front().path).filename();
    if (target.empty()) path = leaf;
    const auto status = look_at(names_a_folder(target) ? target.parent_path() : path);
    if (names_a_folder(target) && fs::exists(status) && !fs::is_directory(status))
      throw Error(ErrorKind::invalid, target.string(), "is no folder");
    if (names_a_folder(target) || fs::is_directory(status)) path /= leaf;
  } else if (target.empty()) {
    path = model.substr(model.find('/') + 1);
  }
  path = whole_path(path);
  if (!path.has_filename()) path = path.parent_path();
  std::error_code error;
  const fs::path followed = fs::is_symlink(path, error) ? fs::canonical(path, error) : path;
  return error ? path : followed;  // a link that leads nowhere is overwritten
}

// A file may replace only a file, or be new. Anything else there (a device, a pipe, a folder) must
// not be replaced.
void require_file_or_nothing(int folder, const std::string& path, const fs::path& shown) {
  struct stat about{};
  if (::fstatat(folder, path.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    throw system_error(errno, shown.string(), "cannot be looked at");
  }
  if (S_ISREG(about.st_mode) || S_ISLNK(about.st_mode)) return;
  throw Error(ErrorKind::invalid, shown.string(),
              S_ISDIR(about.st_mode) ? "a folder is where a file of the model goes"
                                     : "is no file that could be replaced; `modelfloat cat` writes to a pipe");
}

// A folder of the model must be new, or a folder already.
void require_folder_or_nothing(int folder, const std::string& path, const fs::path& shown) {
  struct stat about{};
  if (::fstatat(folder, path.c_str(), &about, 0) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    throw system_error(errno, shown.string(), "cannot be looked at");
  }
  if (!S_ISDIR(about.st_mode))
    throw Error(ErrorKind::invalid, shown.string(), "is a file where the model has a folder");
}

// Throws if something would prevent the files from being moved into place half way through.
void require_way(const ManifestRoot& root, const fs::path& to) {
  if (root.files.size() == 1) return require_file_or_nothing(AT_FDCWD, to.string(), to);
  const auto status = look_at(to);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status))
    throw Error(ErrorKind::invalid, to.string(), "is a file, and the model has several files: name a folder");
  const FileDescriptor folder(::open(to.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw system_error(errno, to.string(), "cannot be opened");
  for (const FileEntry& file : root.files) {
    for (auto slash = file.path.find('/'); slash != std::string::npos; slash = file.path.find('/', slash + 1)) {
      const std::string inner = file.path.substr(0, slash);
      require_folder_or_nothing(folder.get(), inner, to / inner);
    }
    require_file_or_nothing(folder.get(), file.path, to / file.path);
  }
}

}  // namespace

PullResult pull_to_path(Pool& pool, const ModelRef& ref, const fs::path& target, bool cached,
                        const TransferHooks& hooks, const CallOptions& call) {
  const SteadyTime begin = pool.environment().clock.steady_now();
  const OpenManifest manifest = open_manifest(pool, ref, cached, call);
  const ManifestRoot& root = manifest.root;

  PullResult result;
  result.path = final_path(root, ref.model, target);
  require_way(root, result.path);
  auto new_entries = make_folders(result.path.parent_path());
  clear_dead_parts(place_of_part(root, result.path));  // they may use disk space that this pull needs
  PullOutput output(root, result.path, pool.environment().random);
  result.bytes_fetched = read_files(
      pool, manifest, [](const FileEntry&) { return true; },
      [&](std::size_t file, std::uint64_t offset, ByteSpan bytes) { output.write_at(file, offset, bytes); }, hooks,
      call);
  output.keep(std::move(new_entries));
  result.model = root.model;
  result.revision = to_hex(root.revision);
  result.bytes = root.size_bytes();
  result.seconds = seconds_between(begin, pool.environment().clock.steady_now());
  return result;
}

}  // namespace modelfloat::engine
