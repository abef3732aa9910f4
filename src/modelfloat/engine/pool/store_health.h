#pragma once
// How a store does, from what this machine saw: for status, lists and the API.

#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::engine {

// What is not known is empty.
struct StoreHealth {
  store::Measurements measured;  // of this run and, fading, of earlier ones
  struct StorePause {
    store::Traffic traffic = store::Traffic::all;
    UtcTime until{};
    std::string why;
  };
  std::vector<StorePause> pauses;    // that are not over
  std::uint64_t uploaded_today = 0;  // bytes, by UTC
  std::uint64_t downloaded_today = 0;
  std::optional<std::uint64_t> upload_budget_left;  // of today
  std::optional<std::uint64_t> download_budget_left;
  std::optional<std::int64_t>
      // Until the provider may close an account that nobody used; from what this machine saw.
      idle_days_left;
  std::string bandwidth;  // the store's own limit

  std::optional<double> error_rate() const noexcept;
};

// From the registry, and from the store itself as far as it is open. No store is called.
StoreHealth store_health(Pool& pool, const transfer::PoolStore& store);

// Bytes a second that calls of this kind moved, when enough was moved to say.
std::optional<double> throughput(const store::CallMeasurements& calls) noexcept;

}  // namespace modelfloat::engine
