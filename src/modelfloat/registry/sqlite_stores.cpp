// Stores, what they have yet to get, and what is known to lie on them.
#include <algorithm>
#include <iterator>

#include "modelfloat/registry/sqlite_registry_impl.h"

namespace modelfloat::registry {

std::vector<StoreRow> SqliteRegistry::stores() {
  return database_.read([](Connection& c) {
    return c.rows<StoreRow, StoreId, std::string, std::string, std::string, std::uint64_t, UtcTime>(
        "select id, name, url, domain, capacity_bytes, added_at from stores order by name");
  });
}

void SqliteRegistry::put_store(const StoreRow& store) {
  database_.write([&](Connection& c) {
    if (!c.rows<StoreId>("select id from stores where name = ?1 and id <> ?2", store.name, store.id).empty()) {
      throw Error(ErrorKind::invalid, store.name, "another store has this name");
    }
    c.run("insert or replace into stores values (?1, ?2, ?3, ?4, ?5, ?6)", store.id, store.name, store.url,
          store.domain, store.capacity_bytes, store.added_at);
  });
}

void SqliteRegistry::remove_store(const StoreId& store) {
  database_.write([&](Connection& c) {
    c.run("delete from stores where id = ?1", store);
    c.run("delete from store_settings where store = ?1", store);
    c.run("delete from store_sessions where store = ?1", store);
    c.run("delete from store_health where store = ?1", store);
    c.run("delete from store_calls where store = ?1", store);
    c.run("delete from store_use where store = ?1", store);
    c.run("delete from store_parks where store = ?1", store);
    c.run("delete from queue where store = ?1", store);
    c.run("delete from confirmed_puts where store = ?1", store);
    c.run("delete from listed where store = ?1", store);
    c.run("delete from shard_places where store = ?1", store);
  });
}

std::optional<StoreSettingsRow> SqliteRegistry::store_settings(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c.row<StoreSettingsRow, StoreId, std::string, std::string, std::string, Bytes>(
        "select store, api_url, token_url, bandwidth, credentials from store_settings where store = ?1", store);
  });
}

void SqliteRegistry::put_store_settings(const StoreSettingsRow& row) {
  database_.write([&](Connection& c) {
    c.run("insert or replace into store_settings values (?1, ?2, ?3, ?4, ?5)", row.store, row.api_url, row.token_url,
          row.bandwidth, row.credentials);
  });
}

std::optional<Bytes> SqliteRegistry::store_session(const StoreId& store) {
  return database_.read(
      [&](Connection& c) { return c.row<Bytes>("select sealed from store_sessions where store = ?1", store); });
}

void SqliteRegistry::set_store_session(const StoreId& store, ByteSpan sealed) {
  database_.write([&](Connection& c) {
    if (sealed.empty()) {
      c.run("delete from store_sessions where store = ?1", store);
    } else {
      c.run("insert or replace into store_sessions values (?1, ?2)", store, sealed);
    }
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

void SqliteRegistry::set_shard_places(const StoreId& store, std::span<const Hash256> all_objects_there) {
  std::vector<Hash256> wanted(all_objects_there.begin(), all_objects_there.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  // Only the difference is written: most listings bring nothing new.
  database_.write([&](Connection& c) {
    const auto known = c.rows<Hash256>("select object from shard_places where store = ?1 order by object", store);
    std::vector<Hash256> gone;
    std::vector<Hash256> found;
    std::set_difference(known.begin(), known.end(), wanted.begin(), wanted.end(), std::back_inserter(gone));
    std::set_difference(wanted.begin(), wanted.end(), known.begin(), known.end(), std::back_inserter(found));
    for (const Hash256& object : gone)
      c.run("delete from shard_places where object = ?1 and store = ?2", object, store);
    for (const Hash256& object : found) {
      c.run("insert into shard_places (object, store) values (?1, ?2)", object, store);
    }
    c.run("update shard_places set state = ?2 where store = ?1 and state = ?3", store, CopyState::whole,
          CopyState::missing);
  });
}

void SqliteRegistry::add_shard_place(const Hash256& object, const StoreId& store) {
  database_.write([&](Connection& c) {
    c.run(
        "insert into shard_places (object, store) values (?1, ?2) "
        "on conflict (object, store) do update set state = ?3 where state = ?4",
        object, store, CopyState::whole, CopyState::missing);
  });
}

void SqliteRegistry::record_shard_copy(const Hash256& object, const StoreId& store, CopyState state) {
  database_.write([&](Connection& c) {
    c.run("insert or replace into shard_places (object, store, state) values (?1, ?2, ?3)", object, store, state);
  });
}

void SqliteRegistry::remove_shard_place(const Hash256& object, const StoreId& store) {
  database_.write(
      [&](Connection& c) { c.run("delete from shard_places where object = ?1 and store = ?2", object, store); });
}

std::vector<StoreId> SqliteRegistry::shard_places(const Hash256& object) {
  return database_.read([&](Connection& c) {
    return c.rows<StoreId>("select store from shard_places where object = ?1 and state = ?2 order by store", object,
                           CopyState::whole);
  });
}

std::vector<ShardCopy> SqliteRegistry::shard_copies(const Hash256& object) {
  return database_.read([&](Connection& c) {
    return c.rows<ShardCopy, StoreId, CopyState>(
        "select store, state from shard_places where object = ?1 order by store", object);
  });
}

std::vector<Hash256> SqliteRegistry::damaged_shards(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c.rows<Hash256>("select object from shard_places where store = ?1 and state <> 0 order by object", store);
  });
}

std::uint64_t SqliteRegistry::shard_count(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c
        .row<std::uint64_t>("select count(*) from shard_places where store = ?1 and state = ?2", store,
                            CopyState::whole)
        .value();
  });
}

std::uint64_t SqliteRegistry::shard_bytes(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c
        .row<std::uint64_t>(
            "select coalesce(sum(packs.slice_bytes), 0) from shard_places "
            "join shards on shards.object = shard_places.object join packs on packs.key = shards.pack "
            "where shard_places.store = ?1 and shard_places.state = ?2",
            store, CopyState::whole)
        .value();
  });
}

}  // namespace modelfloat::registry
