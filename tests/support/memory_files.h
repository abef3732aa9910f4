#pragma once
// Files in memory for SQLite, so that a simulation can have many registries, and processes that die
// between two writes of one.

#include <filesystem>
#include <functional>
#include <memory>

namespace modelfloat::test {

// A database, with its journals, that SQLite keeps in memory. It outlives the processes that use
// it.
class MemoryDatabase {
 public:
  // The database that `file`, one on a disk, is now. Nobody writes it meanwhile.
  explicit MemoryDatabase(const std::filesystem::path& file);
  ~MemoryDatabase();
  MemoryDatabase(const MemoryDatabase&) = delete;
  MemoryDatabase& operator=(const MemoryDatabase&) = delete;

  // An independent database with what this one has now.
  std::unique_ptr<MemoryDatabase> copy() const;

  struct Files;

 private:
  friend class MemoryDatabaseUser;
  MemoryDatabase();
  std::shared_ptr<Files> files_;
};

// What one process sees of the database, under a path of its own. While this exists, SQLite in all
// of this program finds the database at that path.
class MemoryDatabaseUser {
 public:
  // Makes a file there, for code that looks whether there is one. `before_commit` is called before
  // each commit is made durable; the process may die() there.
  MemoryDatabaseUser(const MemoryDatabase& database, std::filesystem::path path, std::function<void()> before_commit);
  // All connections to it are closed.
  ~MemoryDatabaseUser();
  MemoryDatabaseUser(const MemoryDatabaseUser&) = delete;
  MemoryDatabaseUser& operator=(const MemoryDatabaseUser&) = delete;

  // The process dies: its locks are free, and whatever it reads or writes from now on fails.
  void die();
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace modelfloat::test
