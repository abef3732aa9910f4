#include "modelfloat/store/local/local_store.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/expand_home.h"
#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/no_sync.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/bad_folders.h"
#include "modelfloat/store/may_match.h"
#include "modelfloat/store/range.h"

namespace modelfloat::store {
namespace {

constexpr std::size_t k_step_bytes = std::size_t{1} << 20;  // between two looks at the stop token
constexpr std::time_t k_stale_seconds = std::time_t{24} * 60 * 60;
constexpr std::size_t k_temporary_digits = 32;
// A FIFO must not make us wait.
constexpr int k_read_flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

Error local_error(int error_number, std::string where, std::string_view message) {
  switch (error_number) {
    case ESTALE:
    case ENOTCONN:
    case ENODEV:
    case ENXIO:
    case EHOSTDOWN:
    case ESHUTDOWN: {  // a network disk or FUSE mount whose other end is gone
      const Error plain = system_error(error_number, where, message);
      return Error(ErrorKind::offline, std::move(where), std::string_view(plain.what()).substr(plain.where.size() + 2));
    }
    default: return system_error(error_number, std::move(where), message);
  }
}

// Returns false when the file system cannot sync this. Throws when syncing failed.
bool synced(int (*sync)(int), int descriptor, const std::string& where, std::string_view message) {
  while (sync(descriptor) != 0) {
    if (has_no_sync(errno)) return false;
    if (errno != EINTR) throw local_error(errno, where, message);
  }
  return true;
}

std::string temporary_name() { return "." + to_hex(SystemRandom().array<k_temporary_digits / 2>()) + ".tmp"; }

bool is_temporary_name(std::string_view leaf) {
  return leaf.size() == k_temporary_digits + 5 && leaf.starts_with('.') && leaf.ends_with(".tmp") &&
         leaf.substr(1, k_temporary_digits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A file that is not an object yet. The destructor removes it unless keep_as() succeeded.
class TemporaryFile {
 public:
  TemporaryFile(int directory, const std::string& where)
      : directory_(directory), where_(where), leaf_(temporary_name()) {
    file_ = FileDescriptor(::openat(directory, leaf_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file_) throw local_error(errno, where, "cannot make a file");
  }
  ~TemporaryFile() {
    if (!leaf_.empty()) ::unlinkat(directory_, leaf_.c_str(), 0);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  // Returns false when the file system cannot sync it.
  bool write(ByteSpan bytes, DiskSync sync, const CallOptions& options) {
    std::uint64_t offset = 0;
    while (offset < bytes.size()) {
      check_cancelled(options, where_);
      const ByteSpan step = bytes.subspan(offset, std::min(k_step_bytes, bytes.size() - offset));
      const ssize_t written = ::write(file_.get(), step.data(), step.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw local_error(errno, where_, "cannot write");
      // The disk starts on this step while the next one is copied; fdatasync then waits for less.
      ::sync_file_range(file_.get(), static_cast<off_t>(offset), written, SYNC_FILE_RANGE_WRITE);
      offset += static_cast<std::uint64_t>(written);
    }
    return synced(sync.file, file_.get(), where_, "cannot sync");
  }

  void keep_as(const std::string& leaf) {
    if (::renameat(directory_, leaf_.c_str(), directory_, leaf.c_str()) != 0) {
      if (errno == EISDIR)
        throw Error(ErrorKind::corrupt, where_, "a folder stands in the object's place; move it away");
      throw local_error(errno, where_, "cannot rename");
    }
    leaf_.clear();
  }

 private:
  const int directory_;
  const std::string& where_;
  std::string leaf_;
  FileDescriptor file_;
};

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

class LocalStore final : public Store {
 public:
  LocalStore(std::filesystem::path folder, DiskSync sync) : folder_(std::move(folder)), sync_(sync) {}

  StoreTraits traits() const override { return {}; }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

 private:
  struct Walk {
    std::string_view prefix;
    const ObjectSink& sink;
    const CallOptions& options;
    BadFolders& bad;
  };

  std::string where(std::string_view path) const { return (folder_ / path).string(); }
  FileDescriptor open_root() const;
  // Opens the file of an object; an empty descriptor when there is none.
  FileDescriptor open_object(int root, const ObjectName& name, struct stat& status) const;
  FileDescriptor make_directories(FileDescriptor root, std::string_view path);
  void sync_link(int parent, int child, bool made, const std::string& place);
  // Whether the object exists and has exactly these bytes.
  bool holds(int root, const ObjectName& name, ByteSpan bytes, const CallOptions& options) const;
  void read(int file, std::uint64_t offset, MutableByteSpan into, const std::string& place,
            const CallOptions& options) const;
  void walk(int parent, const std::string& path, unsigned depth, const Walk& walk) const;
  void visit(int directory, const std::string& path, const char* leaf, const Walk& walk) const;

  const std::filesystem::path folder_;
  const DiskSync sync_;
  std::mutex mutex_;
  // Folders whose entry in their parent is known to be on the disk.
  std::set<std::pair<dev_t, ino_t>> linked_;
};

FileDescriptor LocalStore::open_root() const {
  FileDescriptor root(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root) return root;
  if (errno == ENOENT || errno == ENOTDIR) throw Error(ErrorKind::offline, folder_.string(), "the folder is not there");
  throw local_error(errno, folder_.string(), "cannot open the folder");
}

FileDescriptor LocalStore::open_object(int root, const ObjectName& name, struct stat& status) const {
  FileDescriptor file(::openat(root, name.path().c_str(), k_read_flags));
  if (!file && errno == ENOENT) return file;
  if (!file && (errno == ELOOP || errno == ENXIO || errno == ENOTDIR)) {
    throw Error(ErrorKind::corrupt, where(name.path()), "something else than a file stands in the object's place");
  }
  if (!file) throw local_error(errno, where(name.path()), "cannot open");
  if (::fstat(file.get(), &status) != 0) throw local_error(errno, where(name.path()), "cannot look at");
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::corrupt, where(name.path()), "something else than a file stands in the object's place");
  }
  return file;
}

void LocalStore::read(int file, std::uint64_t offset, MutableByteSpan into, const std::string& place,
                      const CallOptions& options) const {
  while (!into.empty()) {
    check_cancelled(options, place);
    const ssize_t got = ::pread(file, into.data(), std::min(k_step_bytes, into.size()), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EIO) throw Error(ErrorKind::corrupt, place, "the disk cannot read it");
    if (got < 0) throw local_error(errno, place, "cannot read");
    if (got == 0) throw Error(ErrorKind::corrupt, place, "ended while it was read");
    offset += static_cast<std::uint64_t>(got);
    into = into.subspan(static_cast<std::size_t>(got));
  }
}

bool LocalStore::holds(int root, const ObjectName& name, ByteSpan bytes, const CallOptions& options) const {
  const std::string place = where(name.path());
  try {
    struct stat status{};
    const FileDescriptor file = open_object(root, name, status);
    if (!file || static_cast<std::uint64_t>(status.st_size) != bytes.size()) return false;
    Bytes buffer(std::min(k_step_bytes, bytes.size()));
    for (std::uint64_t offset = 0; offset < bytes.size(); offset += buffer.size()) {
      const ByteSpan expected = bytes.subspan(offset, std::min(buffer.size(), bytes.size() - offset));
      const MutableByteSpan part = MutableByteSpan(buffer).first(expected.size());
      read(file.get(), offset, part, place, options);
      if (!equal(part, expected)) return false;
    }
    // The process that wrote it may have been killed before it was on the disk.
    return sync_.file(file.get()) == 0 || has_no_sync(errno);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::corrupt) return false;  // put() is how a bad object is replaced
    throw;
  }
}

// A folder that another thread or a killed process made may not be on the disk yet. So its entry is
// synced when we first use it, not only when we made it.
void LocalStore::sync_link(int parent, int child, bool made, const std::string& place) {
  struct stat status{};
  if (::fstat(child, &status) != 0) throw local_error(errno, place, "cannot look at");
  const std::pair identity(status.st_dev, status.st_ino);
  {
    const std::lock_guard lock(mutex_);
    if (!made && linked_.contains(identity)) return;
  }
  synced(sync_.folder, parent, place, "cannot sync its folder");
  const std::lock_guard lock(mutex_);
  linked_.insert(identity);
}

FileDescriptor LocalStore::make_directories(FileDescriptor root, std::string_view path) {
  FileDescriptor at = std::move(root);
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string leaf(path.substr(start, end - start));
    const std::string place = where(path.substr(0, end));
    const bool made = ::mkdirat(at.get(), leaf.c_str(), 0777) == 0;
    if (!made && errno != EEXIST) throw local_error(errno, place, "cannot make a folder");
    FileDescriptor next(::openat(at.get(), leaf.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!next && errno == ENOTDIR)
      throw Error(ErrorKind::corrupt, place, "something else stands in the place of a folder");
    if (!next) throw local_error(errno, place, "cannot open a folder");
    sync_link(at.get(), next.get(), made, place);
    at = std::move(next);
    start = end + 1;
  }
  return at;
}

void LocalStore::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  const std::string place = where(name.path());
  check_cancelled(options, place);
  FileDescriptor root = open_root();
  const bool there = holds(root.get(), name, bytes, options);
  const std::size_t slash = name.path().rfind('/');
  const FileDescriptor directory = make_directories(std::move(root), std::string_view(name.path()).substr(0, slash));
  if (!there) {
    TemporaryFile file(directory.get(), place);
    file.write(bytes, sync_, options);
    file.keep_as(name.path().substr(slash + 1));
  }
  synced(sync_.folder, directory.get(), place, "cannot sync its folder");
}

std::optional<Bytes> LocalStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  const std::string place = where(name.path());
  check_cancelled(options, place);
  const FileDescriptor root = open_root();
  struct stat status{};
  const FileDescriptor file = open_object(root.get(), name, status);
  if (!file) return std::nullopt;
  range = clip(range, static_cast<std::uint64_t>(status.st_size), place);
  Bytes bytes(range.length);
  read(file.get(), range.offset, bytes, place, options);
  return bytes;
}

std::optional<ObjectInfo> LocalStore::stat(const ObjectName& name, const CallOptions& options) {
  check_cancelled(options, where(name.path()));
  const FileDescriptor root = open_root();
  struct stat status{};
  if (!open_object(root.get(), name, status)) return std::nullopt;
  return ObjectInfo{name, static_cast<std::uint64_t>(status.st_size), std::nullopt};
}

void LocalStore::remove(const ObjectName& name, const CallOptions& options) {
  check_cancelled(options, where(name.path()));
  const FileDescriptor root = open_root();
  if (::unlinkat(root.get(), name.path().c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno == EISDIR || errno == ENOTDIR) {
    throw Error(ErrorKind::corrupt, where(name.path()), "something else than a file stands in the object's place");
  }
  throw local_error(errno, where(name.path()), "cannot remove");
}

void clear_if_stale(int directory, const char* leaf) {
  struct stat status{};
  if (::fstatat(directory, leaf, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISREG(status.st_mode) && status.st_mtime < std::time(nullptr) - k_stale_seconds) ::unlinkat(directory, leaf, 0);
}

void LocalStore::visit(int directory, const std::string& path, const char* leaf, const Walk& walk) const {
  const std::string full = path + leaf;
  if (!full.starts_with(walk.prefix)) return;
  const auto name = ObjectName::parse(full);
  if (!name) return;
  struct stat status{};
  if (::fstatat(directory, leaf, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;  // removed since the folder was read
    return walk.bad.record(local_error(errno, where(full), "cannot look at"));
  }
  if (S_ISREG(status.st_mode)) walk.sink({*name, static_cast<std::uint64_t>(status.st_size), std::nullopt});
}

bool is_folder_of_objects(std::string_view leaf) {
  const auto type = object_type_from(leaf);
  return type && *type != ObjectType::marker;
}

// `path` ends with a slash. Depth 0 is "mf1/", 1 a type, 2 the folders that hold objects.
void LocalStore::walk(int parent, const std::string& path, unsigned depth, const Walk& walk_of) const {
  const std::string leaf = path.substr(path.rfind('/', path.size() - 2) + 1);
  // From here on the Directory owns it.
  const int fd = ::openat(parent, leaf.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return;
  if (fd < 0) return walk_of.bad.record(local_error(errno, where(path), "cannot open the folder"));
  const Directory directory(::fdopendir(fd));
  if (!directory) throw local_error(errno, where(path), "cannot read the folder");
  for (;;) {
    check_cancelled(walk_of.options, where(path));
    errno = 0;
    const dirent* entry = ::readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): the stream is this call's own
    if (entry == nullptr && errno != 0)
      return walk_of.bad.record(local_error(errno, where(path), "cannot read the folder"));
    if (entry == nullptr) return;
    const std::string_view name = entry->d_name;
    if (is_temporary_name(name)) {
      clear_if_stale(fd, entry->d_name);
    } else if (name.starts_with('.')) {
      continue;
    } else if (depth == 2 || (depth == 0 && !is_folder_of_objects(name))) {
      visit(fd, path, entry->d_name, walk_of);
    } else {
      const std::string inner = path + entry->d_name + "/";
      if (may_match(inner, walk_of.prefix)) walk(fd, inner, depth + 1, walk_of);
    }
  }
}

void LocalStore::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  check_cancelled(options, folder_.string());
  const FileDescriptor root = open_root();
  BadFolders bad;
  if (may_match("mf1/", prefix)) walk(root.get(), "mf1/", 0, {prefix, sink, options, bad});
  bad.report();
}

Space LocalStore::space(const CallOptions& options) {
  check_cancelled(options, folder_.string());
  const FileDescriptor root = open_root();
  struct statvfs status{};
  if (::fstatvfs(root.get(), &status) != 0) throw local_error(errno, folder_.string(), "cannot ask for free space");
  return {(status.f_blocks - status.f_bfree) * status.f_frsize, status.f_bavail * status.f_frsize};
}

}  // namespace

std::unique_ptr<Store> make_local_store(std::filesystem::path folder, DiskSync sync) {
  return std::make_unique<LocalStore>(std::move(folder), sync);
}

std::string sync_limits(const std::filesystem::path& folder, DiskSync sync) {
  const std::string where = folder.string();
  const FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) throw local_error(errno, where, "cannot open the folder");
  const std::byte any{0};
  const bool files = TemporaryFile(directory.get(), where).write({&any, 1}, sync, {});
  const bool folders = synced(sync.folder, directory.get(), where, "cannot sync the folder");
  if (files && folders) return {};
  return "the file system of " + where + " cannot sync " +
         (files     ? "folders"
          : folders ? "files"
                    : "files and folders") +
         ": after a power cut there, what was put shortly before may be gone, although the push had ended well";
}

static std::filesystem::path folder_of(std::string_view rest) {
  if (rest.empty() || rest.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::invalid, "local:" + std::string(rest),
                "a local store is named by its folder, such as local:/path");
  }
  const std::filesystem::path plain = expand_home(rest);
  std::error_code error;
  auto folder = std::filesystem::absolute(plain, error).lexically_normal();
  if (error) throw local_error(error.value(), plain.string(), "the current folder cannot be found");
  if (!folder.has_filename() && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

static void make_folder(const std::filesystem::path& folder, Dialogue& dialogue) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error && error.value() != EEXIST && error.value() != ENOTDIR)
    throw local_error(error.value(), folder.string(), "cannot make the folder");
  if (!std::filesystem::is_directory(folder, error)) {
    if (error && error.value() != ENOENT && error.value() != ENOTDIR)
      throw local_error(error.value(), folder.string(), "cannot look at the folder");
    throw Error(ErrorKind::invalid, folder.string(), "is not a folder, or lies below what is none");
  }
  if (const std::string limits = sync_limits(folder); !limits.empty()) dialogue.tell("Warning: " + limits);
}

Scheme local_scheme() {
  return {.name = "local",
          .example = "local:/folder",
          .credential_fields = {},
          .no_ca_file = "a folder has no certificate",
          .make = [](std::string_view rest, const StoreSettings&,
                     const StoreContext&) { return make_local_store(folder_of(rest)); },
          .canonical_rest = [](std::string_view rest) { return folder_of(rest).string(); },
          .domain = [](std::string_view rest, const StoreSettings&) { return "local:" + folder_of(rest).string(); },
          .prepare = [](std::string_view rest, StoreSettings&, const StoreContext&, Dialogue& dialogue,
                        const CallOptions&) { make_folder(folder_of(rest), dialogue); }};
}

}  // namespace modelfloat::store
