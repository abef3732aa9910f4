// The log, and copies of documents.
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

std::vector<LogRow> SqliteRegistry::log_records() {
  return database_.read([](Connection& c) {
    // Numbers from 2^63 on are negative in the file.
    return c.rows<LogRow, WriterId, std::uint64_t, Hash256, Bytes>(
        "select writer, seq, hash, cbor from log order by writer, seq < 0, seq, hash");
  });
}

void SqliteRegistry::add_log_records(std::span<const LogRow> records) {
  database_.write([&](Connection& c) {
    for (const LogRow& record : records) {
      c.run("insert or ignore into log values (?1, ?2, ?3, ?4)", record.writer, record.seq, record.hash, record.cbor);
    }
  });
}

std::vector<LogName> SqliteRegistry::log_names() {
  return database_.read([](Connection& c) {
    return c.rows<LogName, WriterId, std::uint64_t, Hash256>(
        "select writer, seq, hash from log order by writer, seq < 0, seq, hash");
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
    return c.rows<UnreadableRow, std::string, std::string>("select object, tried from unreadable order by object");
  });
}

void SqliteRegistry::record_unreadable(const UnreadableRow& row) {
  database_.write(
      [&](Connection& c) { c.run("insert or replace into unreadable values (?1, ?2)", row.object, row.tried); });
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

void SqliteRegistry::keep_document(const std::string& object, ByteSpan sealed) {
  database_.write([&](Connection& c) { c.run("insert or replace into documents values (?1, ?2)", object, sealed); });
}

std::optional<Bytes> SqliteRegistry::document(const std::string& object) {
  return database_.read(
      [&](Connection& c) { return c.row<Bytes>("select sealed from documents where object = ?1", object); });
}

}  // namespace modelfloat::registry
