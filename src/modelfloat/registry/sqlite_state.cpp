// Settings, log, documents, the push journal and tokens.
#include "modelfloat/registry/sqlite_registry_impl.h"

namespace modelfloat::registry {

std::optional<Bytes> SqliteRegistry::setting(const std::string& name) {
  return database_.read(
      [&](Connection& c) { return c.row<Bytes>("select value from settings where name = ?1", name); });
}

void SqliteRegistry::set_setting(const std::string& name, ByteSpan value) {
  database_.write([&](Connection& c) { c.run("insert or replace into settings values (?1, ?2)", name, value); });
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

void SqliteRegistry::keep_document(const std::string& object, ByteSpan sealed) {
  database_.write([&](Connection& c) { c.run("insert or replace into documents values (?1, ?2)", object, sealed); });
}

std::optional<Bytes> SqliteRegistry::document(const std::string& object) {
  return database_.read(
      [&](Connection& c) { return c.row<Bytes>("select sealed from documents where object = ?1", object); });
}

void SqliteRegistry::forget_document(const std::string& object) {
  database_.write([&](Connection& c) { c.run("delete from documents where object = ?1", object); });
}

std::uint64_t SqliteRegistry::begin_push(const std::string& model, const std::string& tag, UtcTime now) {
  std::uint64_t id = 0;
  database_.write([&](Connection& c) {
    c.run("insert into pushes (model, tag, state, started_at, packs) values (?1, ?2, ?3, ?4, 0)", model, tag,
          PushState::running, now);
    id = c.row<std::uint64_t>("select last_insert_rowid()").value();
  });
  return id;
}

void SqliteRegistry::record_push(std::uint64_t id, PushState state, std::uint64_t packs) {
  database_.write([&](Connection& c) {
    c.run("update pushes set state = ?2, packs = ?3 where id = ?1", id, state, packs);
    if (c.changes() == 0) throw Error(ErrorKind::not_found, "push " + std::to_string(id), "is not in the journal");
  });
}

std::vector<PushRow> SqliteRegistry::pushes(PushState state) {
  return database_.read([&](Connection& c) {
    return c.rows<PushRow, std::uint64_t, std::string, std::string, PushState, UtcTime, std::uint64_t>(
        "select id, model, tag, state, started_at, packs from pushes where state = ?1 order by id", state);
  });
}

void SqliteRegistry::add_token(const TokenRow& token) {
  database_.write([&](Connection& c) {
    c.run("insert into tokens values (?1, ?2, ?3, ?4)", token.id, token.hash, token.scope, token.created_at);
  });
}

std::vector<TokenRow> SqliteRegistry::tokens() {
  return database_.read([](Connection& c) {
    return c.rows<TokenRow, std::string, Hash256, std::string, UtcTime>(
        "select id, hash, scope, created_at from tokens order by created_at, id");
  });
}

bool SqliteRegistry::remove_token(const std::string& id) {
  bool removed = false;
  database_.write([&](Connection& c) {
    c.run("delete from tokens where id = ?1", id);
    removed = c.changes() != 0;
  });
  return removed;
}

std::optional<TokenRow> SqliteRegistry::find_token(const Hash256& hash) {
  return database_.read([&](Connection& c) {
    return c.row<TokenRow, std::string, Hash256, std::string, UtcTime>(
        "select id, hash, scope, created_at from tokens where hash = ?1", hash);
  });
}

}  // namespace modelfloat::registry
