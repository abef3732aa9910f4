// What is under way: queued puts and pushes.
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

void SqliteRegistry::queue_puts(std::span<const QueuedPut> puts) {
  database_.write([&](Connection& c) {
    for (const QueuedPut& put : puts) {
      c.run(
          "insert into queue (store, object, bytes) values (?1, ?2, ?3) "
          "on conflict (store, object) do update set bytes = excluded.bytes",
          put.store, put.object, put.bytes);
    }
  });
}

std::vector<QueuedPut> SqliteRegistry::queued_puts() {
  return database_.read([](Connection& c) {
    return c.rows<QueuedPut, StoreId, std::string, Bytes>("select store, object, bytes from queue order by id");
  });
}

void SqliteRegistry::put_done(const StoreId& store, const std::string& object) {
  database_.write([&](Connection& c) {
    c.run("delete from queue where store = ?1 and object = ?2", store, object);
    c.run("insert or ignore into confirmed_puts select object, ?1 from awaited_puts where object = ?2", store, object);
  });
}

void SqliteRegistry::await_puts(std::span<const std::string> objects) {
  database_.write([&](Connection& c) {
    for (const std::string& object : objects) {
      c.run("insert into awaited_puts values (?1, 1) on conflict (object) do update set askers = askers + 1", object);
    }
  });
}

std::vector<StoreId> SqliteRegistry::confirmed_puts(const std::string& object) {
  return database_.read([&](Connection& c) {
    return c.rows<StoreId>("select store from confirmed_puts where object = ?1 order by store", object);
  });
}

void SqliteRegistry::forget_puts(std::span<const std::string> objects) {
  database_.write([&](Connection& c) {
    for (const std::string& object : objects) {
      c.run("update awaited_puts set askers = askers - 1 where object = ?1", object);
      c.run("delete from awaited_puts where object = ?1 and askers <= 0", object);
      c.run("delete from confirmed_puts where object = ?1 and object not in (select object from awaited_puts)", object);
    }
  });
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

}  // namespace modelfloat::registry
