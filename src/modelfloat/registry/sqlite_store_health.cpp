// How stores do.
#include "modelfloat/registry/sqlite_registry_impl.h"

namespace modelfloat::registry {

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
