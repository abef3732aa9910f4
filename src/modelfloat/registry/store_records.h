#pragma once
// The stores of the pool: their list, their settings and sessions, and their measured health and
// use.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/log_record.h"
#include "modelfloat/registry/transactions.h"

namespace modelfloat::registry {

struct StoreRow {
  StoreId id{};
  std::string name;  // as programs show it here, unique; see domain/store_names.h
  std::string url;
  std::string domain;
  std::uint64_t capacity_bytes = 0;  // 0: not limited
  UtcTime added_at{};
  StoreUse use = StoreUse::in_use;  // one that is not in use gets no new shards
  bool operator==(const StoreRow&) const = default;
};

// How a store is opened. This is not in the log; the user must tell it to each registry.
struct StoreSettingsRow {
  StoreId store{};
  std::string api_url;
  std::string token_url;
  std::string bandwidth;  // as --bwlimit takes it; empty: as for all stores
  Bytes credentials;      // sealed; empty when there are none
  bool operator==(const StoreSettingsRow&) const = default;
};

// Statistics of one kind of call to a store.
struct StoreCallsRow {
  std::string kind;
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  std::uint64_t microseconds = 0;
  std::uint64_t p50_microseconds = 0;  // 0: not known
  std::uint64_t p95_microseconds = 0;
  bool operator==(const StoreCallsRow&) const = default;
};
struct StoreHealthRow {
  UtcTime last_seen{};     // Unix time 0: never
  std::string last_error;  // its kind
  UtcTime last_error_at{};
  std::vector<StoreCallsRow> calls = {};  // ordered by kind
  bool operator==(const StoreHealthRow&) const = default;
};
// Bytes moved in one day, counted from 1970-01-01.
struct StoreUseRow {
  std::int64_t day = 0;
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t downloaded_bytes = 0;
  bool operator==(const StoreUseRow&) const = default;
};
// A pause that a store asked for.
struct StorePauseRow {
  std::string traffic;
  UtcTime until{};
  std::string why;
  bool operator==(const StorePauseRow&) const = default;
};

// Threads, durability and errors: see Registry.
class StoreRecords : public virtual Transactions {
 public:
  // All stores, ordered by name.
  virtual std::vector<StoreRow> stores() = 0;
  // Replaces the row of the same id. Error{invalid} when another store has the name.
  virtual void put_store(const StoreRow&) = 0;
  // Removes the store and all that the registry has of it: settings, session, measurements,
  // pauses, queued puts, listings, locations of shards. Does nothing for an unknown store.
  virtual void remove_store(const StoreId&) = 0;

  // nullopt when the store has none.
  virtual std::optional<StoreSettingsRow> store_settings(const StoreId&) = 0;
  // Replaces the row of the same store. The store itself need not be recorded yet.
  virtual void put_store_settings(const StoreSettingsRow&) = 0;
  // What the store gave at its last login, sealed; nullopt when there is none.
  virtual std::optional<Bytes> store_session(const StoreId&) = 0;
  // Replaces it. Empty bytes forget it.
  virtual void set_store_session(const StoreId&, ByteSpan sealed) = 0;

  // The recorded health; default values when nothing was measured.
  virtual StoreHealthRow store_health(const StoreId&) = 0;
  // Replaces it.
  virtual void put_store_health(const StoreId&, const StoreHealthRow&) = 0;
  // The use on the last day with a record; zeros when there is none.
  virtual StoreUseRow store_use(const StoreId&) = 0;
  // Adds to the record when it is of the same day; otherwise replaces it.
  virtual void add_store_use(const StoreId&, const StoreUseRow&) = 0;
  // The newest pause of each kind of traffic, ordered by traffic. Pauses that have ended are
  // included.
  virtual std::vector<StorePauseRow> store_pauses(const StoreId&) = 0;
  // Replaces the pause of the same traffic.
  virtual void pause_store(const StoreId&, const StorePauseRow&) = 0;
};

}  // namespace modelfloat::registry
