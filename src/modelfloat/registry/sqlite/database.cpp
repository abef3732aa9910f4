#include "modelfloat/registry/sqlite/database.h"

namespace modelfloat::registry {

static constexpr std::size_t k_most_idle = 8;

Database::Database(std::filesystem::path file, Milliseconds lock_timeout)
    : file_(std::move(file)), lock_timeout_(lock_timeout) {}

Connection* Database::joined() {
  const std::lock_guard lock(mutex_);
  const auto found = transactions_.find(std::this_thread::get_id());
  if (found == transactions_.end()) return nullptr;
  if (!found->second->in_transaction()) {
    throw Error(ErrorKind::transient, file_.string(), "an earlier failure has undone this transaction");
  }
  return found->second;
}

Database::Lease::Lease(Database& of) : database(of), connection(of.joined()) {
  if (connection != nullptr) return;
  {
    const std::lock_guard lock(database.mutex_);
    if (!database.idle_.empty()) {
      own = std::move(database.idle_.back());
      database.idle_.pop_back();
    }
  }
  if (!own) own = std::make_unique<Connection>(database.file_, database.lock_timeout_);
  connection = own.get();
}

Database::Lease::~Lease() {
  // A connection that could not end its transaction is closed, which undoes it.
  if (!own || own->in_transaction()) return;
  const std::lock_guard lock(database.mutex_);
  if (database.idle_.size() < k_most_idle) database.idle_.push_back(std::move(own));
}

struct Database::Turn {
  explicit Turn(Database& of) : database(of) {
    std::unique_lock lock(database.mutex_);
    if (!database.turn_is_free_.wait_for(lock, database.lock_timeout_, [this] { return !database.writing_; })) {
      throw Error(ErrorKind::transient, database.file_.string(), "the registry stays locked by another thread");
    }
    database.writing_ = true;
  }
  ~Turn() {
    {
      const std::lock_guard lock(database.mutex_);
      database.writing_ = false;
    }
    database.turn_is_free_.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Database& database;
};

// Rolls back without hiding the exception in progress. If the rollback fails, closing the
// connection rolls back.
static void undo(Connection& connection, const std::string& script) noexcept {
  try {
    if (connection.in_transaction()) connection.run_script(script);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): see above
  }
}

void Database::write_nested(Connection& connection, const std::function<void(Connection&)>& work) {
  connection.run("savepoint nested");
  try {
    work(connection);
    connection.run("release nested");
  } catch (...) {
    undo(connection, "rollback to nested; release nested");
    throw;
  }
}

void Database::write(const std::function<void(Connection&)>& work) {
  if (Connection* const outer = joined()) return write_nested(*outer, work);

  const Turn turn(*this);
  const Lease lease(*this);
  Connection& connection = *lease.connection;
  const auto me = std::this_thread::get_id();
  try {
    // Immediate: a transaction that turns from reading to writing later can fail without waiting.
    connection.run("begin immediate");
    {
      const std::lock_guard lock(mutex_);
      transactions_[me] = &connection;
    }
    work(connection);
    joined();  // throws when it is undone already
    connection.run("commit");
  } catch (...) {
    undo(connection, "rollback");
    const std::lock_guard lock(mutex_);
    transactions_.erase(me);
    throw;
  }
  const std::lock_guard lock(mutex_);
  transactions_.erase(me);
}

}  // namespace modelfloat::registry
