// Stores, how they are opened, and how they do.
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

std::vector<StoreRow> SqliteRegistry::stores() {
  return database_.read([](Connection& c) {
    return c.rows<StoreRow, StoreId, std::string, std::string, std::string, std::uint64_t, UtcTime, StoreUse>(
        "select id, name, url, domain, capacity_bytes, added_at, store_use from stores order by name");
  });
}

void SqliteRegistry::put_store(const StoreRow& store) {
  database_.write([&](Connection& c) {
    if (!c.rows<StoreId>("select id from stores where name = ?1 and id <> ?2", store.name, store.id).empty()) {
      throw Error(ErrorKind::invalid, store.name, "another store has this name");
    }
    c.run("insert or replace into stores values (?1, ?2, ?3, ?4, ?5, ?6, ?7)", store.id, store.name, store.url,
          store.domain, store.capacity_bytes, store.added_at, store.use);
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
    c.run("delete from damaged_documents where store = ?1", store);
    c.run("delete from document_proofs where store = ?1", store);
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

StoreHealthRow SqliteRegistry::store_health(const StoreId& store) {
  return database_.read([&](Connection& c) {
    auto health = c.row<StoreHealthRow, UtcTime, std::string, UtcTime>(
        "select last_seen, last_error, last_error_at from store_health where store = ?1", store);
    StoreHealthRow row = health ? *std::move(health) : StoreHealthRow();
    row.calls = c.rows<StoreCallsRow, std::string, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                       std::uint64_t, std::uint64_t>(
        "select kind, calls, errors, bytes, microseconds, p50_microseconds, p95_microseconds from store_calls where "
        "store = ?1 order by kind",
        store);
    return row;
  });
}

void SqliteRegistry::put_store_health(const StoreId& store, const StoreHealthRow& row) {
  database_.write([&](Connection& c) {
    c.run("insert or replace into store_health values (?1, ?2, ?3, ?4)", store, row.last_seen, row.last_error,
          row.last_error_at);
    c.run("delete from store_calls where store = ?1", store);
    for (const StoreCallsRow& calls : row.calls) {
      c.run("insert into store_calls values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", store, calls.kind, calls.calls,
            calls.errors, calls.bytes, calls.microseconds, calls.p50_microseconds, calls.p95_microseconds);
    }
  });
}

StoreUseRow SqliteRegistry::store_use(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c
        .row<StoreUseRow, std::int64_t, std::uint64_t, std::uint64_t>(
            "select day, uploaded_bytes, downloaded_bytes from store_use where store = ?1", store)
        .value_or(StoreUseRow());
  });
}

void SqliteRegistry::add_store_use(const StoreId& store, const StoreUseRow& use) {
  database_.write([&](Connection& c) {
    c.run(
        "insert into store_use values (?1, ?2, ?3, ?4) on conflict (store) do update set "
        "uploaded_bytes = excluded.uploaded_bytes + iif(day = excluded.day, uploaded_bytes, 0), "
        "downloaded_bytes = excluded.downloaded_bytes + iif(day = excluded.day, downloaded_bytes, 0), day = "
        "excluded.day",
        store, use.day, use.uploaded_bytes, use.downloaded_bytes);
  });
}

std::vector<StorePauseRow> SqliteRegistry::store_pauses(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c.rows<StorePauseRow, std::string, UtcTime, std::string>(
        "select lane, until, why from store_parks where store = ?1 order by lane", store);
  });
}

void SqliteRegistry::pause_store(const StoreId& store, const StorePauseRow& row) {
  database_.write([&](Connection& c) {
    c.run("insert or replace into store_parks values (?1, ?2, ?3, ?4)", store, row.traffic, row.until, row.why);
  });
}

}  // namespace modelfloat::registry
