#include "modelfloat/registry/sqlite/registry_copy.h"

#include <unistd.h>

#include "modelfloat/base/private_folder.h"
#include "modelfloat/registry/sqlite/migrations.h"
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {
namespace {

namespace fs = std::filesystem;

constexpr const char* k_memory_folder = "/dev/shm";
constexpr int k_most_tries = 5;

bool is_writable(const fs::path& path) { return ::access(path.c_str(), W_OK) == 0; }

fs::path parent_of_copy() { return is_writable(k_memory_folder) ? fs::path(k_memory_folder) : fs::path(); }

// The file and its write-ahead log, as they are named beside it.
constexpr const char* k_parts[] = {"", "-wal"};

fs::path part_of(const fs::path& file, const char* suffix) { return fs::path(file) += suffix; }

// How long and how new each part is; unequal means that somebody wrote.
std::vector<std::pair<std::uintmax_t, fs::file_time_type>> state_of(const fs::path& file) {
  std::vector<std::pair<std::uintmax_t, fs::file_time_type>> state;
  for (const char* suffix : k_parts) {
    const fs::path part = part_of(file, suffix);
    std::error_code no_size;
    std::error_code no_time;
    const auto size = fs::file_size(part, no_size);
    const auto time = fs::last_write_time(part, no_time);
    state.emplace_back(no_size ? 0 : size, no_time ? fs::file_time_type::min() : time);
  }
  return state;
}

void copy_parts(const fs::path& file, const fs::path& copy) {
  for (const char* suffix : k_parts) {
    const fs::path from = part_of(file, suffix);
    const fs::path to = part_of(copy, suffix);
    std::error_code error;
    fs::remove(to, error);
    if (*suffix != '\0' && !fs::exists(from, error)) continue;
    fs::copy_file(from, to, error);
    if (!error) fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write, error);
    if (error) throw system_error(error.value(), from.string(), "the registry cannot be copied to " + to.string());
  }
}

// Made before the registry that lies in it, and removed after it.
struct CopyFolder {
  explicit CopyFolder(const fs::path& file) : folder(parent_of_copy()), copy(folder.path() / "registry.db") {
    for (int tries = 0; tries < k_most_tries; ++tries) {
      const auto before = state_of(file);
      copy_parts(file, copy);
      if (state_of(file) == before) return;
    }
    throw Error(ErrorKind::transient, file.string(), "another process is writing to it all the time: try again");
  }

  PrivateFolder folder;
  fs::path copy;
};

class RegistryCopy final : private CopyFolder, public SqliteRegistry {
 public:
  RegistryCopy(const fs::path& original, Milliseconds lock_timeout)
      : CopyFolder(original), SqliteRegistry(copy, lock_timeout), original_(original) {}

  void queue_puts(std::span<const QueuedPut>) override { refuse(); }
  std::uint64_t begin_push(const std::string&, const std::string&, UtcTime) override { refuse(); }
  void add_pack(const Pack&, std::span<const Fragment>, std::span<const StoreId>) override { refuse(); }
  void add_token(const TokenRow&) override { refuse(); }
  bool remove_token(const std::string&) override { refuse(); }
  void put_store_settings(const StoreSettingsRow&) override { refuse(); }

 private:
  [[noreturn]] void refuse() const {
    throw Error(ErrorKind::denied, original_.string(),
                "this home can only be read by this user, so nothing can be changed with it");
  }

  const fs::path original_;
};

// Made with an empty registry before the one that uses its file, and removed after it.
struct TemporaryFile {
  // In a folder of its own: the private folder is locked, and so is that in which a registry is made.
  TemporaryFile() : folder(parent_of_copy()), file(folder.path() / "made" / "registry.db") {
    fs::create_directory(file.parent_path());
    open_sqlite_registry(file);
  }

  PrivateFolder folder;
  fs::path file;
};

class TemporaryRegistry final : private TemporaryFile, public SqliteRegistry {
 public:
  TemporaryRegistry() : SqliteRegistry(file, k_lock_timeout) {}
};

}  // namespace

std::unique_ptr<Registry> open_temporary_registry() { return std::make_unique<TemporaryRegistry>(); }

bool is_read_only(const fs::path& file) {
  std::error_code unknown;
  if (!fs::is_regular_file(file, unknown) || ::access(file.c_str(), R_OK) != 0) return false;
  return !is_writable(file) || !is_writable(fs::absolute(file, unknown).parent_path());
}

std::unique_ptr<Registry> open_registry_copy(const fs::path& file, Milliseconds lock_timeout) {
  auto registry = std::make_unique<RegistryCopy>(file, lock_timeout);
  migrate(registry->database(), all_migrations());
  return registry;
}

}  // namespace modelfloat::registry
