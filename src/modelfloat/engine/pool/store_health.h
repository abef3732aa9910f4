#pragma once
// The health of a store as this machine has measured it. For status, lists and the API.

#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::engine {

// Unknown values are nullopt or empty.
struct StoreHealth {
  store::Measurements measured;  // of this run, and with less weight of earlier runs
  struct StorePause {
    store::Traffic traffic = store::Traffic::all;
    UtcTime until{};
    std::string why;
  };
  std::vector<StorePause> pauses;    // that have not ended yet
  std::uint64_t uploaded_today = 0;  // bytes, by UTC
  std::uint64_t downloaded_today = 0;
  std::optional<std::uint64_t> upload_budget_left;  // of today
  std::optional<std::uint64_t> download_budget_left;
  // Days until the provider may close the account for lack of use, counted from this machine's use.
  std::optional<std::int64_t> idle_days_left;
  std::string bandwidth;  // the store's own limit

  // The share of calls that failed; nullopt when there were none.
  std::optional<double> error_rate() const noexcept;
};

// Collects the health from the registry, and from the store object if it is open. Makes no call to
// the store.
StoreHealth store_health(Pool& pool, const transfer::PoolStore& store);

// Returns the speed of calls of this kind in bytes per second; nullopt when too few bytes were
// moved for an estimate.
std::optional<double> throughput(const store::CallMeasurements& calls) noexcept;

}  // namespace modelfloat::engine
