#include "modelfloat/engine/pool/store_ledger.h"

#include <array>
#include <cmath>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/pool/store_health.h"

namespace modelfloat::engine {
namespace {

using store::CallMeasurements;
using store::Measurements;

constexpr std::uint64_t k_write_after_bytes = std::uint64_t{64} << 20;

struct Kind {
  std::string_view name;
  CallMeasurements Measurements::* of;
};
constexpr std::array k_kinds = {Kind{"get", &Measurements::get},     Kind{"list", &Measurements::list},
                                Kind{"put", &Measurements::put},     Kind{"remove", &Measurements::remove},
                                Kind{"space", &Measurements::space}, Kind{"stat", &Measurements::stat}};

std::uint64_t microseconds(double seconds) {
  return static_cast<std::uint64_t>(std::llround(std::max(0.0, seconds) * 1e6));
}
// At least 1, since 0 means unknown.
std::uint64_t microseconds(const std::optional<double>& seconds) {
  return seconds ? std::max<std::uint64_t>(1, microseconds(*seconds)) : 0;
}
std::optional<double> seconds(std::uint64_t microseconds) {
  if (microseconds == 0) return std::nullopt;
  return static_cast<double>(microseconds) / 1e6;
}

std::optional<UtcTime> moment(UtcTime time) {
  if (time == UtcTime{}) return std::nullopt;
  return time;
}

registry::StoreHealthRow row_of(const Measurements& measurements) {
  registry::StoreHealthRow row;
  row.last_seen = measurements.last_seen.value_or(UtcTime{});
  if (measurements.last_error) row.last_error = to_string(*measurements.last_error);
  row.last_error_at = measurements.last_error_time.value_or(UtcTime{});
  for (const Kind& kind : k_kinds) {
    const CallMeasurements& calls = measurements.*kind.of;
    if (calls.calls == 0 && !calls.p50_seconds) continue;
    row.calls.push_back({std::string(kind.name), calls.calls, calls.errors, calls.bytes, microseconds(calls.seconds),
                         microseconds(calls.p50_seconds), microseconds(calls.p95_seconds)});
  }
  return row;
}

// Whether the change is worth a write to the disk. `now` contains the older measurements with half
// their weight.
bool is_news(const Measurements& before, const Measurements& now) {
  constexpr std::uint64_t k_many_calls = 16;
  constexpr auto k_long_ago = std::chrono::minutes(10);
  const auto is_first_speed = [&](CallMeasurements Measurements::* of) {
    return throughput(now.*of) && !throughput(before.*of);
  };
  return now.last_error_time != before.last_error_time || is_first_speed(&Measurements::get) ||
         is_first_speed(&Measurements::put) || now.calls() >= store::decayed(before).calls() + k_many_calls ||
         (now.last_seen && (!before.last_seen || *now.last_seen - *before.last_seen > k_long_ago));
}

// A failure to record something must not fail the call.
template <typename Work>
void try_to(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    log_warning(error.what());
  }
}

}  // namespace

Measurements measurements_of(const registry::StoreHealthRow& row) {
  Measurements measurements;
  measurements.last_seen = moment(row.last_seen);
  measurements.last_error = error_kind_from(row.last_error);
  measurements.last_error_time = moment(row.last_error_at);
  for (const auto& calls : row.calls) {
    for (const Kind& kind : k_kinds) {
      if (kind.name != calls.kind) continue;
      measurements.*kind.of = {calls.calls,
                               calls.errors,
                               calls.bytes,
                               static_cast<double>(calls.microseconds) / 1e6,
                               seconds(calls.p50_microseconds),
                               seconds(calls.p95_microseconds)};
    }
  }
  return measurements;
}

store::DayUse RegistryLedger::use(UtcTime now) {
  const std::int64_t today = store::day_of(now);
  const std::lock_guard lock(mutex_);
  if (!known_) {
    try_to([&] {
      const auto row = registry_.store_use(store_);
      known_ = store::DayUse{row.day, row.uploaded_bytes, row.downloaded_bytes};
    });
  }
  if (!known_ || known_->day != today) known_ = store::DayUse{today, 0, 0};
  return *known_;
}

void RegistryLedger::add_use(UtcTime now, std::uint64_t uploaded_bytes, std::uint64_t downloaded_bytes) {
  use(now);
  bool enough = false;
  {
    const std::lock_guard lock(mutex_);
    known_->uploaded_bytes += uploaded_bytes;
    known_->downloaded_bytes += downloaded_bytes;
    if (unwritten_.day != known_->day) unwritten_ = {known_->day, 0, 0};
    unwritten_.uploaded_bytes += uploaded_bytes;
    unwritten_.downloaded_bytes += downloaded_bytes;
    enough = unwritten_.uploaded_bytes + unwritten_.downloaded_bytes >= k_write_after_bytes;
  }
  if (enough) try_to([&] { write(); });
}

std::optional<store::Pause> RegistryLedger::pause(store::Traffic traffic) {
  std::optional<store::Pause> pause;
  try_to([&] {
    for (auto& row : registry_.store_pauses(store_)) {
      if (row.traffic == store::to_string(traffic)) pause = store::Pause{row.until, std::move(row.why)};
    }
  });
  return pause;
}

void RegistryLedger::record_pause(store::Traffic traffic, const store::Pause& pause) {
  try_to([&] { registry_.pause_store(store_, {std::string(store::to_string(traffic)), pause.until, pause.why}); });
}

Measurements RegistryLedger::measurements() {
  Measurements measurements;
  try_to([&] { measurements = measurements_of(registry_.store_health(store_)); });
  return measurements;
}

void RegistryLedger::keep(const Measurements& measurements) {
  const std::lock_guard lock(mutex_);
  newest_ = measurements;
}

void RegistryLedger::write() {
  store::DayUse use;
  std::optional<Measurements> newest;
  {
    const std::lock_guard lock(mutex_);
    std::swap(use, unwritten_);
    newest.swap(newest_);
  }
  if (use.uploaded_bytes + use.downloaded_bytes > 0) {
    registry_.add_store_use(store_, {use.day, use.uploaded_bytes, use.downloaded_bytes});
    const auto row = registry_.store_use(store_);  // includes what other processes added
    const std::lock_guard lock(mutex_);
    known_ = store::DayUse{row.day, row.uploaded_bytes, row.downloaded_bytes};
    if (unwritten_.day == row.day) {
      known_->uploaded_bytes += unwritten_.uploaded_bytes;
      known_->downloaded_bytes += unwritten_.downloaded_bytes;
    }
  }
  if (newest && is_news(measurements(), *newest)) registry_.put_store_health(store_, row_of(*newest));
}

}  // namespace modelfloat::engine
