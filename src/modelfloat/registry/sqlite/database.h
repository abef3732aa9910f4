#pragma once
// A SQLite file that many threads use: each call gets a connection for itself, writers take turns.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "modelfloat/registry/sqlite/connection.h"

namespace modelfloat::registry {

// All methods may be called from many threads.
class Database {
 public:
  Database(std::filesystem::path file, Milliseconds lock_timeout);

  // Runs work(connection) and returns its result. Each statement sees one consistent state of the
  // file. Several statements may see different states, unless this thread is inside a write().
  template <typename Work>
  auto read(const Work& work) {
    const Lease lease(*this);
    return work(*lease.connection);
  }

  // Runs `work` as one transaction that is durable when this returns and undone when it throws.
  // Inside another write() of this thread it becomes part of that one. When the inner `work`
  // throws, only its own changes are undone.
  void write(const std::function<void(Connection&)>& work);

 private:
  // A connection for as long as the lease lives: that of this thread's transaction, or an idle one,
  // or a new one.
  struct Lease {
    explicit Lease(Database&);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Database& database;
    std::unique_ptr<Connection> own;
    Connection* connection;
  };
  // The write lock of this process, held by one thread at a time. SQLite's own lock is not
  // enough: it polls, and it is not fair.
  struct Turn;

  // The connection of this thread's transaction, or null. Throws when SQLite has undone the
  // transaction.
  Connection* joined();
  static void write_nested(Connection&, const std::function<void(Connection&)>& work);

  const std::filesystem::path file_;
  const Milliseconds lock_timeout_;
  std::mutex mutex_;  // guards all below
  std::condition_variable turn_is_free_;
  bool writing_ = false;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::map<std::thread::id, Connection*> transactions_;
};

}  // namespace modelfloat::registry
