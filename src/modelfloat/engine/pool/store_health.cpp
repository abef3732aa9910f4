#include "modelfloat/engine/pool/store_health.h"

#include <algorithm>

#include "modelfloat/engine/pool/store_ledger.h"
#include "modelfloat/store/wrap/measured.h"

namespace modelfloat::engine {

std::optional<double> StoreHealth::error_rate() const noexcept {
  if (measured.calls() == 0) return std::nullopt;
  return static_cast<double>(measured.errors()) / static_cast<double>(measured.calls());
}

std::optional<double> throughput(const store::CallMeasurements& calls) noexcept {
  constexpr std::uint64_t k_enough_bytes = 256U << 10;  // for fewer bytes latency dominates
  if (calls.bytes < k_enough_bytes || calls.seconds <= 0) return std::nullopt;
  return static_cast<double>(calls.bytes) / calls.seconds;
}

static std::optional<std::uint64_t> left_of(std::uint64_t budget, std::uint64_t used) {
  if (budget == UINT64_MAX) return std::nullopt;
  return budget > used ? budget - used : 0;
}

StoreHealth store_health(Pool& pool, const transfer::PoolStore& store) {
  registry::StoreRecords& registry = pool.registry();
  const UtcTime now = pool.environment().clock.utc_now();
  StoreHealth health;
  const auto* measured = dynamic_cast<const store::MeasuredStore*>(store.store.get());
  health.measured = measured != nullptr ? measured->measurements() : measurements_of(registry.store_health(store.id));
  for (auto& row : registry.store_pauses(store.id)) {
    if (row.until <= now) continue;
    auto traffic = store::Traffic::all;
    for (const auto other : {store::Traffic::uploads, store::Traffic::downloads}) {
      if (row.traffic == store::to_string(other)) traffic = other;
    }
    health.pauses.push_back({traffic, row.until, std::move(row.why)});
  }
  if (const auto use = registry.store_use(store.id); use.day == store::day_of(now)) {
    health.uploaded_today = use.uploaded_bytes;
    health.downloaded_today = use.downloaded_bytes;
  }
  if (const auto settings = registry.store_settings(store.id)) health.bandwidth = settings->bandwidth;
  if (!store.store) return health;
  const auto traits = store.store->traits();
  health.upload_budget_left = left_of(traits.daily_upload_bytes, health.uploaded_today);
  health.download_budget_left = left_of(traits.daily_download_bytes, health.downloaded_today);
  if (traits.idle_days != 0 && health.measured.last_seen) {
    const auto idle = std::chrono::floor<std::chrono::days>(now - *health.measured.last_seen).count();
    health.idle_days_left = std::max<std::int64_t>(0, static_cast<std::int64_t>(traits.idle_days) - idle);
  }
  return health;
}

}  // namespace modelfloat::engine
