#include "support/memory_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace modelfloat::test {
namespace {

enum class Part { database, log };

// One process.
struct User {
  std::function<void()> before_commit;
  bool is_dead = false;
};

struct Handle;

}  // namespace

struct MemoryDatabase::Files {
  std::array<std::string, 2> bytes;  // by Part
  std::vector<Handle*> handles;      // of the database itself
  std::vector<std::shared_ptr<char[]>> shared;
};

namespace {

using Files = MemoryDatabase::Files;

struct Handle {
  std::shared_ptr<Files> files;
  std::shared_ptr<User> user;
  Part part = Part::database;
  int level = SQLITE_LOCK_NONE;
  unsigned shared_locks = 0;  // bits
  unsigned exclusive_locks = 0;
  bool is_mapped = false;
  // Valid even when the database has new ones.
  std::vector<std::shared_ptr<char[]>> mapped;

  std::string& bytes() const { return files->bytes.at(static_cast<std::size_t>(part)); }
};

// As SQLite knows an open file.
struct OpenFile {
  sqlite3_file base;
  Handle* handle;
};

struct Place {
  std::shared_ptr<Files> files;
  std::shared_ptr<User> user;
};

std::mutex mutex;                     // guards all that follows, and what it leads to
std::map<std::string, Place> places;  // by path
sqlite3_vfs* disk = nullptr;          // what is in no such place

// The database that a path names, or its log.
std::pair<const Place*, Part> find_place(std::string path) {
  constexpr std::string_view k_log = "-wal";
  const bool is_log = path.ends_with(k_log);
  if (is_log) path.resize(path.size() - k_log.size());
  const auto found = places.find(path);
  return {found == places.end() ? nullptr : &found->second, is_log ? Part::log : Part::database};
}

// Whether it is one of ours that is in memory only while SQLite would roll back with it.
bool is_rollback_journal(std::string path) {
  constexpr std::string_view k_journal = "-journal";
  if (!path.ends_with(k_journal)) return false;
  path.resize(path.size() - k_journal.size());
  return places.contains(path);
}

Handle& handle_of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->handle; }

// Does the work on a file of a process that lives.
template <typename Work>
int with(sqlite3_file* file, int code_when_dead, Work work) {
  const std::lock_guard lock(mutex);
  Handle& handle = handle_of(file);
  if (!handle.user->is_dead) return work(handle);
  errno = 0;  // SQLite takes it for the reason
  return code_when_dead;
}

void unmap(Handle& handle) {
  handle.is_mapped = false;
  handle.shared_locks = handle.exclusive_locks = 0;
  const auto& all = handle.files->handles;
  if (std::none_of(all.begin(), all.end(), [](const Handle* one) { return one->is_mapped; }))
    handle.files->shared.clear();
}

int close(sqlite3_file* file) {
  const std::lock_guard lock(mutex);
  Handle* const handle = &handle_of(file);
  std::erase(handle->files->handles, handle);
  delete handle;
  file->pMethods = nullptr;
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  return with(file, SQLITE_IOERR_READ, [&](const Handle& handle) {
    const std::string& bytes = handle.bytes();
    const auto begin = std::min(static_cast<std::size_t>(offset), bytes.size());
    const auto wanted = static_cast<std::size_t>(amount);
    const std::size_t there = std::min(wanted, bytes.size() - begin);
    std::memcpy(to, bytes.data() + begin, there);
    if (there == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(to) + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
  });
}

int write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  return with(file, SQLITE_IOERR_WRITE, [&](const Handle& handle) {
    std::string& bytes = handle.bytes();
    const auto end = static_cast<std::size_t>(offset) + static_cast<std::size_t>(amount);
    if (bytes.size() < end) bytes.resize(end);
    std::memcpy(bytes.data() + offset, from, static_cast<std::size_t>(amount));
    return SQLITE_OK;
  });
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return with(file, SQLITE_IOERR_TRUNCATE, [&](const Handle& handle) {
    handle.bytes().resize(static_cast<std::size_t>(size));
    return SQLITE_OK;
  });
}

int sync(sqlite3_file* file, int) {
  const Handle& handle = handle_of(file);
  if (handle.part == Part::log && !handle.user->is_dead && handle.user->before_commit) handle.user->before_commit();
  return with(file, SQLITE_IOERR_FSYNC, [](const Handle&) { return SQLITE_OK; });
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return with(file, SQLITE_IOERR_FSTAT, [&](const Handle& handle) {
    *size = static_cast<sqlite3_int64>(handle.bytes().size());
    return SQLITE_OK;
  });
}

int lock(sqlite3_file* file, int level) {
  return with(file, SQLITE_IOERR_LOCK, [&](Handle& handle) {
    for (const Handle* other : handle.files->handles) {
      if (other == &handle) continue;
      const bool is_free = level == SQLITE_LOCK_SHARED     ? other->level < SQLITE_LOCK_PENDING
                           : level == SQLITE_LOCK_RESERVED ? other->level < SQLITE_LOCK_RESERVED
                                                           : other->level == SQLITE_LOCK_NONE;
      if (!is_free) return SQLITE_BUSY;
    }
    handle.level = std::max(handle.level, level);
    return SQLITE_OK;
  });
}

int unlock(sqlite3_file* file, int level) {
  return with(file, SQLITE_OK, [&](Handle& handle) {
    handle.level = std::min(handle.level, level);
    return SQLITE_OK;
  });
}

int check_reserved_lock(sqlite3_file* file, int* is_reserved) {
  return with(file, SQLITE_IOERR_CHECKRESERVEDLOCK, [&](const Handle& handle) {
    const auto& all = handle.files->handles;
    *is_reserved =
        std::any_of(all.begin(), all.end(), [](const Handle* one) { return one->level >= SQLITE_LOCK_RESERVED; }) ? 1
                                                                                                                  : 0;
    return SQLITE_OK;
  });
}

int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int map_shared(sqlite3_file* file, int region, int size, int extend, volatile void** to) {
  return with(file, SQLITE_IOERR_SHMMAP, [&](Handle& handle) {
    auto& shared = handle.files->shared;
    const auto wanted = static_cast<std::size_t>(region) + 1;
    handle.is_mapped = true;
    *to = nullptr;
    if (shared.size() < wanted && extend == 0) return SQLITE_OK;
    while (shared.size() < wanted) shared.push_back(std::make_shared<char[]>(static_cast<std::size_t>(size)));
    handle.mapped = shared;
    *to = shared[wanted - 1].get();
    return SQLITE_OK;
  });
}

int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  const bool locks = (flags & SQLITE_SHM_LOCK) != 0;
  return with(file, locks ? SQLITE_IOERR_SHMLOCK : SQLITE_OK, [&](Handle& handle) {
    const unsigned bits = ((1U << count) - 1U) << offset;
    if (!locks) {
      handle.shared_locks &= ~bits;
      handle.exclusive_locks &= ~bits;
      return SQLITE_OK;
    }
    const bool wants_all = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    for (const Handle* other : handle.files->handles) {
      const unsigned taken = other->exclusive_locks | (wants_all ? other->shared_locks : 0);
      if (other != &handle && (taken & bits) != 0) return SQLITE_BUSY;
    }
    (wants_all ? handle.exclusive_locks : handle.shared_locks) |= bits;
    return SQLITE_OK;
  });
}

void barrier(sqlite3_file*) { const std::lock_guard lock(mutex); }

int unmap_shared(sqlite3_file* file, int) {
  return with(file, SQLITE_OK, [](Handle& handle) {
    unmap(handle);
    return SQLITE_OK;
  });
}

constexpr sqlite3_io_methods k_methods{2,
                                       close,
                                       read,
                                       write,
                                       truncate,
                                       sync,
                                       file_size,
                                       lock,
                                       unlock,
                                       check_reserved_lock,
                                       control,
                                       sector_size,
                                       characteristics,
                                       map_shared,
                                       lock_shared,
                                       barrier,
                                       unmap_shared,
                                       nullptr,
                                       nullptr};

int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  const std::lock_guard lock(mutex);
  const auto [place, part] = path == nullptr ? std::pair<const Place*, Part>() : find_place(path);
  if (place == nullptr) return disk->xOpen(disk, path, file, flags, flags_out);
  if (place->user->is_dead) return SQLITE_IOERR;
  auto* const handle = new Handle{.files = place->files, .user = place->user, .part = part, .mapped = {}};
  if (part == Part::database) place->files->handles.push_back(handle);
  reinterpret_cast<OpenFile*>(file)->handle = handle;
  file->pMethods = &k_methods;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int remove(sqlite3_vfs*, const char* path, int sync_folder) {
  const std::lock_guard lock(mutex);
  const auto [place, part] = find_place(path);
  if (place == nullptr) return disk->xDelete(disk, path, sync_folder);
  if (place->user->is_dead) return SQLITE_IOERR_DELETE;
  place->files->bytes.at(static_cast<std::size_t>(part)).clear();
  return SQLITE_OK;
}

int access(sqlite3_vfs*, const char* path, int flags, int* result) {
  const std::lock_guard lock(mutex);
  *result = 0;
  if (is_rollback_journal(path)) return SQLITE_OK;
  const auto [place, part] = find_place(path);
  if (place == nullptr) return disk->xAccess(disk, path, flags, result);
  *result = part == Part::database || !place->files->bytes.at(static_cast<std::size_t>(part)).empty() ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int room, char* to) {
  const std::lock_guard lock(mutex);
  const std::size_t size = std::strlen(path) + 1;
  if (!places.contains(path) || size > static_cast<std::size_t>(room)) return disk->xFullPathname(disk, path, room, to);
  std::memcpy(to, path, size);
  return SQLITE_OK;
}

// SQLite asks us for all files from now on.
void take_over() {
  static sqlite3_vfs ours = [] {
    disk = sqlite3_vfs_find(nullptr);
    sqlite3_vfs made = *disk;
    made.pNext = nullptr;
    made.zName = "modelfloat-memory";
    made.szOsFile = std::max(disk->szOsFile, static_cast<int>(sizeof(OpenFile)));
    made.xOpen = open;
    made.xDelete = remove;
    made.xAccess = access;
    made.xFullPathname = full_path;
    return made;
  }();
  static const int registered = sqlite3_vfs_register(&ours, 1);
  static_cast<void>(registered);
}

}  // namespace

MemoryDatabase::MemoryDatabase() : files_(std::make_shared<Files>()) { take_over(); }

MemoryDatabase::MemoryDatabase(const std::filesystem::path& file) : MemoryDatabase() {
  std::ifstream in(file, std::ios::binary);
  files_->bytes[0].assign(std::istreambuf_iterator<char>(in), {});
}

MemoryDatabase::~MemoryDatabase() = default;

std::unique_ptr<MemoryDatabase> MemoryDatabase::copy() const {
  std::unique_ptr<MemoryDatabase> other(new MemoryDatabase());
  const std::lock_guard lock(mutex);
  other->files_->bytes = files_->bytes;
  return other;
}

MemoryDatabaseUser::MemoryDatabaseUser(const MemoryDatabase& database, std::filesystem::path path,
                                       std::function<void()> before_commit)
    : path_(std::move(path)) {
  std::ofstream(path_) << "in memory\n";
  const std::lock_guard lock(mutex);
  places[path_] = {database.files_, std::make_shared<User>(User{std::move(before_commit)})};
}

MemoryDatabaseUser::~MemoryDatabaseUser() {
  const std::lock_guard lock(mutex);
  places.erase(path_);
}

void MemoryDatabaseUser::die() {
  const std::lock_guard lock(mutex);
  const Place& place = places.at(path_);
  place.user->is_dead = true;
  for (Handle* handle : place.files->handles) {
    if (handle->user != place.user) continue;
    handle->level = SQLITE_LOCK_NONE;
    unmap(*handle);
  }
}

}  // namespace modelfloat::test
