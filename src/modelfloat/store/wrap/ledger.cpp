#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::store {

std::string_view to_string(Traffic traffic) noexcept {
  switch (traffic) {
    case Traffic::all: return "all";
    case Traffic::uploads: return "uploads";
    case Traffic::downloads: return "downloads";
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

std::optional<Pause> MemoryLedger::pause(Traffic traffic) {
  const std::lock_guard lock(mutex_);
  const auto found = pauses_.find(traffic);
  if (found == pauses_.end()) return std::nullopt;
  return found->second;
}

void MemoryLedger::record_pause(Traffic traffic, const Pause& pause) {
  const std::lock_guard lock(mutex_);
  pauses_[traffic] = pause;
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
