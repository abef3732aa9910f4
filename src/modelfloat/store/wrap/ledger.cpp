#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::store {

std::string_view to_string(Lane lane) noexcept {
  switch (lane) {
    case Lane::all: return "all";
    case Lane::uploads: return "uploads";
    case Lane::downloads: return "downloads";
  }
  return "all";
}

std::int64_t day_of(UtcTime time) noexcept {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

UtcTime next_day(UtcTime time) noexcept { return std::chrono::floor<std::chrono::days>(time) + std::chrono::days(1); }

DayUse MemoryLedger::use(UtcTime now) {
  const std::lock_guard lock(mutex_);
  if (use_.day != day_of(now)) return {day_of(now), 0, 0};
  return use_;
}

void MemoryLedger::add_use(UtcTime now, std::uint64_t uploaded_bytes, std::uint64_t downloaded_bytes) {
  const std::lock_guard lock(mutex_);
  if (use_.day != day_of(now)) use_ = {day_of(now), 0, 0};
  use_.uploaded_bytes += uploaded_bytes;
  use_.downloaded_bytes += downloaded_bytes;
}

std::optional<Parked> MemoryLedger::parked(Lane lane) {
  const std::lock_guard lock(mutex_);
  const auto found = parked_.find(lane);
  if (found == parked_.end()) return std::nullopt;
  return found->second;
}

void MemoryLedger::park(Lane lane, const Parked& parked) {
  const std::lock_guard lock(mutex_);
  parked_[lane] = parked;
}

Measurements MemoryLedger::measurements() {
  const std::lock_guard lock(mutex_);
  return measurements_;
}

void MemoryLedger::keep(const Measurements& measurements) {
  const std::lock_guard lock(mutex_);
  measurements_ = measurements;
}

}  // namespace modelfloat::store
