#include "modelfloat/registry/sqlite/sqlite_registry.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "modelfloat/base/no_sync.h"
#include "modelfloat/registry/sqlite/migrations.h"
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

namespace fs = std::filesystem;

class Descriptor {
 public:
  Descriptor(int number, const fs::path& path) : number_(number) {
    if (number_ < 0) throw system_error(errno, path.string(), "cannot make the registry");
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const noexcept { return number_; }

 private:
  int number_;
};

static fs::path with_suffix(fs::path file, const char* suffix) { return file += suffix; }

static void remove_with_journals(const fs::path& file) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(with_suffix(file, suffix));
}

static void fill_new_registry(const fs::path& file) {
  Database database(file, k_lock_timeout);
  // The file has no name yet that others know, so one sync at the end is enough. The write-ahead
  // log is switched on only at the end. On a full disk it would silently keep what does not fit
  // into the file itself, and it would be left behind when the file is renamed.
  database.read([](Connection& c) { c.run_script("pragma synchronous = off; pragma journal_mode = memory"); });
  start_schema(database);
  migrate(database, all_migrations());
  database.read([](Connection& c) { c.run_script("pragma journal_mode = wal"); });
}

// Under another name first, so that a registry that exists is a whole one.
static void make_registry(const fs::path& file) {
  const fs::path folder = fs::absolute(file).parent_path();
  // Registries in one folder are made one at a time, over all processes.
  const Descriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder);
  if (::flock(lock.number(), LOCK_EX) != 0) throw system_error(errno, folder.string(), "cannot lock");
  if (fs::exists(file)) return;
  // Journals of a registry that was moved away would be replayed into the new one.
  remove_with_journals(file);
  const fs::path unfinished = with_suffix(file, ".new");
  remove_with_journals(unfinished);
  const Descriptor descriptor(::open(unfinished.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600), unfinished);
  fill_new_registry(unfinished);
  sync_to_disk(descriptor.number(), unfinished.string(), "cannot sync");
  fs::rename(unfinished, file);
  sync_to_disk(lock.number(), folder.string(), "cannot sync");
}

static void check_file(const fs::path& file) {
  const fs::file_status status = fs::status(file);
  if (fs::is_directory(status)) throw Error(ErrorKind::invalid, file.string(), "is a folder, not a registry");
  if (!fs::is_regular_file(status)) throw Error(ErrorKind::invalid, file.string(), "is not a plain file");
  if (::access(file.c_str(), R_OK | W_OK) != 0) throw system_error(errno, file.string(), "cannot open the registry");
  if (fs::file_size(file) == 0) {
    throw Error(ErrorKind::corrupt, file.string(), "is empty: move it away and run `modelfloat recover`");
  }
}

std::unique_ptr<Registry> open_sqlite_registry(const fs::path& file, Milliseconds lock_timeout) {
  try {
    if (!fs::exists(file)) make_registry(file);
    check_file(file);
  } catch (const fs::filesystem_error& error) {
    throw system_error(error.code().value(), file.string(), "cannot open the registry");
  }
  auto registry = std::make_unique<SqliteRegistry>(file, lock_timeout);
  migrate(registry->database(), all_migrations());
  return registry;
}

void SqliteRegistry::clear() {
  database_.write([](Connection& c) {
    const auto tables = c.rows<std::string>(
        "select name from sqlite_master where type = 'table' and name <> 'schema_version' and name not like "
        "'sqlite_%'");
    for (const std::string& table : tables) c.run("delete from " + table);
  });
}

void SqliteRegistry::transaction(const std::function<void()>& work) {
  database_.write([&](Connection&) { work(); });
}

std::optional<Bytes> SqliteRegistry::setting(const std::string& name) {
  return database_.read(
      [&](Connection& c) { return c.row<Bytes>("select value from settings where name = ?1", name); });
}

void SqliteRegistry::set_setting(const std::string& name, ByteSpan value) {
  database_.write([&](Connection& c) { c.run("insert or replace into settings values (?1, ?2)", name, value); });
}

}  // namespace modelfloat::registry
