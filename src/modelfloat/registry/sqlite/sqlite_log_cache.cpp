// The log, and copies of documents.
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

// A record that is here needs no name of its own.
static void forget_name(Connection& c, const LogRow& record) {
  c.run("delete from log_names where writer = ?1 and seq = ?2 and hash = ?3", record.writer, record.seq, record.hash);
}

static void count_change(Connection& c) {
  c.run("update log_version set version = version + 1");
  if (c.changes() == 0) c.run("insert into log_version values (1)");  // after clear()
}

std::vector<LogRow> SqliteRegistry::log_records() {
  return database_.read([](Connection& c) {
    // Numbers from 2^63 on are negative in the file.
    return c.rows<LogRow, WriterId, std::uint64_t, Hash256, Bytes>(
        "select writer, seq, hash, cbor from log order by writer, seq < 0, seq, hash");
  });
}

void SqliteRegistry::add_log_records(std::span<const LogRow> records) {
  database_.write([&](Connection& c) {
    std::uint64_t added = 0;
    for (const LogRow& record : records) {
      c.run("insert or ignore into log values (?1, ?2, ?3, ?4)", record.writer, record.seq, record.hash, record.cbor);
      added += c.changes();
      forget_name(c, record);
    }
    if (added > 0) count_change(c);
  });
}

void SqliteRegistry::replace_log_records(std::span<const LogRow> records) {
  database_.write([&](Connection& c) {
    for (const LogRow& record : records) {
      c.run("update log set cbor = ?4 where writer = ?1 and seq = ?2 and hash = ?3", record.writer, record.seq,
            record.hash, record.cbor);
    }
    if (!records.empty()) count_change(c);
  });
}

void SqliteRegistry::keep_names_only(std::span<const LogName> names) {
  database_.write([&](Connection& c) {
    for (const LogName& name : names) {
      c.run("delete from log where writer = ?1 and seq = ?2 and hash = ?3", name.writer, name.seq, name.hash);
      c.run("insert or ignore into log_names values (?1, ?2, ?3)", name.writer, name.seq, name.hash);
    }
    if (!names.empty()) count_change(c);
  });
}

void SqliteRegistry::add_names(std::span<const LogName> names) {
  database_.write([&](Connection& c) {
    for (const LogName& name : names) {
      c.run(
          "insert or ignore into log_names select ?1, ?2, ?3 where not exists "
          "(select 1 from log where writer = ?1 and seq = ?2 and hash = ?3)",
          name.writer, name.seq, name.hash);
    }
  });
}

std::vector<LogName> SqliteRegistry::names_without_records() {
  return database_.read([](Connection& c) {
    return c.rows<LogName, WriterId, std::uint64_t, Hash256>(
        "select writer, seq, hash from log_names order by writer, seq < 0, seq, hash");
  });
}

std::uint64_t SqliteRegistry::log_version() {
  return database_.read(
      [](Connection& c) { return c.row<std::uint64_t>("select version from log_version").value_or(0); });
}

std::vector<CheckpointRow> SqliteRegistry::checkpoints() {
  return database_.read([](Connection& c) {
    return c.rows<CheckpointRow, WriterId, std::uint64_t, Hash256, Bytes, bool>(
        "select writer, seq, hash, cbor, is_taken from checkpoints order by writer, seq < 0, seq, hash");
  });
}

void SqliteRegistry::put_checkpoint(const CheckpointRow& row) {
  database_.write([&](Connection& c) {
    c.run("insert or replace into checkpoints values (?1, ?2, ?3, ?4, ?5)", row.writer, row.seq, row.hash, row.cbor,
          row.is_taken);
    count_change(c);
  });
}

void SqliteRegistry::forget_checkpoint(const WriterId& writer, std::uint64_t seq, const Hash256& hash) {
  database_.write([&](Connection& c) {
    c.run("delete from checkpoints where writer = ?1 and seq = ?2 and hash = ?3", writer, seq, hash);
  });
}

std::vector<LogName> SqliteRegistry::log_names() {
  return database_.read([](Connection& c) {
    return c.rows<LogName, WriterId, std::uint64_t, Hash256, std::uint64_t>(
        "select writer, seq, hash, length(cbor) from log order by writer, seq < 0, seq, hash");
  });
}

std::optional<Bytes> SqliteRegistry::log_record(const LogName& name) {
  return database_.read([&](Connection& c) {
    return c.row<Bytes>("select cbor from log where writer = ?1 and seq = ?2 and hash = ?3", name.writer, name.seq,
                        name.hash);
  });
}

std::vector<LogRow> SqliteRegistry::log_records_of(const WriterId& writer) {
  return database_.read([&](Connection& c) {
    return c.rows<LogRow, WriterId, std::uint64_t, Hash256, Bytes>(
        "select writer, seq, hash, cbor from log where writer = ?1 order by seq < 0, seq, hash", writer);
  });
}

std::vector<UnreadableRow> SqliteRegistry::unreadable() {
  return database_.read([](Connection& c) {
    return c.rows<UnreadableRow, std::string, std::string, Unreadable>(
        "select object, tried, why from unreadable order by object");
  });
}

void SqliteRegistry::record_unreadable(const UnreadableRow& row) {
  database_.write([&](Connection& c) {
    c.run("insert or replace into unreadable values (?1, ?2, ?3)", row.object, row.tried, row.why);
  });
}

void SqliteRegistry::forget_unreadable(std::span<const std::string> objects) {
  database_.write([&](Connection& c) {
    for (const std::string& object : objects) c.run("delete from unreadable where object = ?1", object);
  });
}

void SqliteRegistry::record_listed(const StoreId& store, std::span<const std::string> log_paths) {
  database_.write([&](Connection& c) {
    for (const std::string& path : log_paths) c.run("insert or ignore into listed values (?1, ?2)", store, path);
  });
}

std::vector<std::string> SqliteRegistry::listed(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c.rows<std::string>("select path from listed where store = ?1 order by path", store);
  });
}

void SqliteRegistry::forget_listed(const StoreId& store, std::span<const std::string> log_paths) {
  database_.write([&](Connection& c) {
    for (const std::string& path : log_paths) c.run("delete from listed where store = ?1 and path = ?2", store, path);
  });
}

void SqliteRegistry::forget_documents(std::span<const std::string> objects) {
  database_.write([&](Connection& c) {
    for (const std::string& object : objects) {
      c.run("delete from documents where object = ?1", object);
      c.run("delete from document_proofs where object = ?1", object);
    }
  });
}

void SqliteRegistry::record_document_copy(const std::string& object, const StoreId& store, bool is_good) {
  database_.write([&](Connection& c) {
    c.run(is_good ? "delete from damaged_documents where object = ?1 and store = ?2"
                  : "insert or ignore into damaged_documents values (?1, ?2)",
          object, store);
    c.run("delete from document_proofs where object = ?1 and store = ?2", object, store);
  });
}

void SqliteRegistry::record_document_proofs(std::span<const DocumentCopy> copies, std::uint64_t at) {
  if (copies.empty()) return;
  database_.write([&](Connection& c) {
    for (const DocumentCopy& copy : copies) {
      c.run("delete from damaged_documents where object = ?1 and store = ?2", copy.object, copy.store);
      c.run("insert or replace into document_proofs values (?1, ?2, ?3)", copy.object, copy.store, at);
    }
  });
}

std::map<StoreId, std::uint64_t> SqliteRegistry::document_proofs(const std::string& object) {
  using Row = std::pair<StoreId, std::uint64_t>;
  const auto rows = database_.read([&](Connection& c) {
    return c.rows<Row, StoreId, std::uint64_t>("select store, proved_at from document_proofs where object = ?1",
                                               object);
  });
  return {rows.begin(), rows.end()};
}

std::vector<DocumentCache::DocumentCopy> SqliteRegistry::damaged_documents() {
  return database_.read([&](Connection& c) {
    return c.rows<DocumentCopy, std::string, StoreId>(
        "select object, store from damaged_documents order by object, store");
  });
}

std::vector<StoreId> SqliteRegistry::stores_without_document(const std::string& object) {
  return database_.read([&](Connection& c) {
    return c.rows<StoreId>(
        "select store from damaged_documents where object = ?1 union select store from queue where object = ?1 "
        "order by store",
        object);
  });
}

void SqliteRegistry::keep_document(const std::string& object, ByteSpan sealed) {
  database_.write([&](Connection& c) { c.run("insert or replace into documents values (?1, ?2)", object, sealed); });
}

std::optional<Bytes> SqliteRegistry::document(const std::string& object) {
  return database_.read(
      [&](Connection& c) { return c.row<Bytes>("select sealed from documents where object = ?1", object); });
}

}  // namespace modelfloat::registry
