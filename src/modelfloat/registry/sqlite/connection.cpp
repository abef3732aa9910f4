#include "modelfloat/registry/sqlite/connection.h"

#include <cerrno>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::registry {

// sqlite3.h stands inside this namespace in SOCI's header.
namespace sqlite = sqlite_api;

static ErrorKind kind_of(int code, int system_errno) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorKind::corrupt;
    case SQLITE_FULL: return ErrorKind::out_of_space;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM: return ErrorKind::transient;
    case SQLITE_IOERR: return system_errno == 0 ? ErrorKind::transient : system_error(system_errno, "", "").kind;
    case SQLITE_CANTOPEN: return system_errno == 0 ? ErrorKind::denied : system_error(system_errno, "", "").kind;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return ErrorKind::denied;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG: return ErrorKind::invalid;
    default: return ErrorKind::internal;
  }
}

// Of some failures for want of room SQLite says only that they are I/O errors.
static bool is_full(int code, const std::filesystem::path& file) {
  // It makes its shared memory in pieces of half of this.
  constexpr std::uintmax_t k_least_room = 64 << 10;
  std::error_code unknown;
  const auto space = std::filesystem::space(file.parent_path(), unknown);
  return (code & 0xff) == SQLITE_IOERR && !unknown && space.available < k_least_room;
}

Error sqlite_error(int code, const std::filesystem::path& file, std::string_view message, int system_errno) {
  const ErrorKind kind = is_full(code, file) ? ErrorKind::out_of_space : kind_of(code, system_errno);
  std::string_view advice;
  if (kind == ErrorKind::corrupt) {
    advice = ". The registry is damaged: move it away (with its -wal and -shm files) and run `modelfloat recover`";
  } else if (kind == ErrorKind::out_of_space) {
    advice = ": no space is left for the registry";
  } else if (kind == ErrorKind::denied) {
    advice = ": this user may not write the registry, or what SQLite keeps beside it in its folder";
  } else if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
    advice = ": another process keeps the registry locked. Try again when it has ended";
  }
  return Error(kind, file.string(), fmt::format("{} (SQLite {}){}", message, code, advice));
}

struct Connection::Prepared {
  // Where SOCI fetches a parameter from; it keeps the addresses.
  struct Slot {
    std::size_t kind = 0;
    long long number = 0;
    std::string text;
    std::unique_ptr<soci::blob> blob;
  };
  struct Column {
    long long number = 0;
    soci::indicator indicator = soci::i_ok;
  };

  Prepared(soci::session& session, const std::string& sql, std::span<const Parameter> parameters,
           std::span<const CellKind> kinds)
      : slots(parameters.size()), columns(kinds.size()), cells(kinds.size()), statement(session) {
    for (std::size_t i = 0; i < slots.size(); ++i) exchange(session, slots[i], parameters[i].index());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (kinds[i] == CellKind::number) {
        statement.exchange(soci::into(columns[i].number, columns[i].indicator));
      } else {
        statement.exchange(soci::into(cells[i].bytes, columns[i].indicator));
      }
    }
    statement.alloc();
    statement.prepare(sql);
    statement.define_and_bind();
  }

  void exchange(soci::session& session, Slot& slot, std::size_t kind) {
    slot.kind = kind;
    if (kind == 0) {
      statement.exchange(soci::use(slot.number));
    } else if (kind == 1) {
      statement.exchange(soci::use(slot.text));
    } else {
      slot.blob = std::make_unique<soci::blob>(session);
      statement.exchange(soci::use(*slot.blob));
    }
  }

  void set(std::span<const Parameter> parameters) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      Slot& slot = slots[i];
      if (parameters[i].index() != slot.kind) throw Error(ErrorKind::internal, "registry", "parameter of another type");
      if (const auto* number = std::get_if<std::int64_t>(&parameters[i])) {
        slot.number = *number;
      } else if (const auto* text = std::get_if<std::string_view>(&parameters[i])) {
        slot.text.assign(*text);
      } else {
        // Writing never shortens a blob. A blob that was never written, not even with zero bytes,
        // is stored as NULL.
        const std::string_view bytes = as_text(std::get<ByteSpan>(parameters[i]));
        if (slot.blob->get_len() > bytes.size()) slot.blob->trim(bytes.size());
        slot.blob->write(0, bytes.data(), bytes.size());
      }
    }
  }

  // Always reads to the last row: an unfinished statement would keep its snapshot, and no write
  // could follow.
  void run(const RowSink& sink) {
    for (bool more = statement.execute(true); more && !cells.empty(); more = statement.fetch()) {
      for (std::size_t i = 0; i < cells.size(); ++i) {
        if (columns[i].indicator == soci::i_null) throw Cell::Misfit{};
        cells[i].number = columns[i].number;
      }
      sink(cells);
    }
  }

  std::vector<Slot> slots;
  std::vector<Column> columns;
  std::vector<Cell> cells;
  soci::statement statement;
};

struct Connection::Session {
  explicit Session(const std::string& connect) : session(soci::sqlite3, connect) {}

  sqlite::sqlite3* handle() { return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_; }

  soci::session session;
  std::map<std::string, Prepared, std::less<>> prepared;
};

Connection::Connection(std::filesystem::path file, Milliseconds lock_timeout) : file_(std::move(file)) {
  // SOCI's connect string has no way to escape a quote.
  if (file_.native().find('"') != std::string::npos) throw Error(ErrorKind::invalid, file_.string(), "quote in a path");
  // SOCI would make a file that is missing, readable by everybody.
  std::error_code trouble;
  const auto status = std::filesystem::status(file_, trouble);
  if (trouble && trouble != std::errc::no_such_file_or_directory)
    throw system_error(trouble.value(), file_.string(), "cannot open the registry");
  if (!std::filesystem::is_regular_file(status)) throw Error(ErrorKind::not_found, file_.string(), "no such file");
  try {
    session_ = std::make_unique<Session>("dbname=\"" + std::filesystem::absolute(file_).string() + "\"");
  } catch (const soci::sqlite3_soci_error& error) {
    // It does not say why it cannot open a file.
    const FileDescriptor attempt(::open(file_.c_str(), O_RDWR | O_CLOEXEC));
    if (!attempt) throw system_error(errno, file_.string(), "cannot open the registry");
    throw sqlite_error(error.result(), file_, error.get_error_message());
  }
  // cell_size_check notices more damaged pages before they are used.
  run_script(
      fmt::format("pragma busy_timeout = {}; pragma synchronous = full; pragma foreign_keys = on;"
                  "pragma cell_size_check = on; pragma temp_store = memory;",
                  lock_timeout.count()));
}

Connection::~Connection() = default;

void Connection::run_script(const std::string& sql) {
  sqlite::sqlite3* const handle = session_->handle();
  const int code = sqlite::sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    throw sqlite_error(code, file_, sqlite::sqlite3_errmsg(handle), sqlite::sqlite3_system_errno(handle));
  }
}

void Connection::execute(std::string_view sql, std::initializer_list<Parameter> in, std::initializer_list<CellKind> out,
                         const RowSink& sink) {
  auto& prepared = session_->prepared;
  auto found = prepared.find(sql);
  try {
    if (found == prepared.end()) {
      found = prepared.try_emplace(std::string(sql), session_->session, std::string(sql), in, out).first;
    }
    found->second.set(in);
    found->second.run(sink);
  } catch (const soci::sqlite3_soci_error& error) {
    // Read before the statement is destroyed, which would clear it. SOCI's own text would contain
    // the parameters.
    sqlite::sqlite3* const handle = session_->handle();
    const std::string said = sqlite::sqlite3_errmsg(handle);
    const int system_error = sqlite::sqlite3_system_errno(handle);
    if (found != prepared.end()) prepared.erase(found);
    throw sqlite_error(error.result(), file_, said, system_error);
  } catch (const soci::soci_error& error) {
    if (found != prepared.end()) prepared.erase(found);
    throw Error(ErrorKind::internal, file_.string(), error.get_error_message());
  } catch (const Cell::Misfit&) {
    prepared.erase(found);
    throw sqlite_error(SQLITE_CORRUPT, file_, "a value of impossible size");
  } catch (...) {
    if (found != prepared.end()) prepared.erase(found);
    throw;
  }
}

std::uint64_t Connection::changes() const {
  return static_cast<std::uint64_t>(sqlite::sqlite3_changes64(session_->handle()));
}

bool Connection::in_transaction() const { return sqlite::sqlite3_get_autocommit(session_->handle()) == 0; }

}  // namespace modelfloat::registry
