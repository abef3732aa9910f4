#include "modelfloat/cli/store_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/format.h"

namespace modelfloat::cli {
namespace {

using nlohmann::ordered_json;

template <typename T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

ordered_json time_json(const std::optional<UtcTime>& time) {
  return time ? ordered_json(to_rfc3339(*time)) : ordered_json();
}

ordered_json calls_json(const store::CallMeasurements& calls) {
  return {{"calls", calls.calls},
          {"errors", calls.errors},
          {"p50_seconds", or_null(calls.p50_seconds)},
          {"p95_seconds", or_null(calls.p95_seconds)},
          {"bytes_per_second", or_null(engine::throughput(calls))}};
}

ordered_json health_json(const engine::StoreHealth& health) {
  auto pauses = ordered_json::array();
  for (const auto& pause : health.pauses)
    pauses.push_back({{"lane", to_string(pause.traffic)}, {"until", to_rfc3339(pause.until)}, {"why", pause.why}});
  ordered_json json{{"last_seen", time_json(health.measured.last_seen)}, {"error_rate", or_null(health.error_rate())}};
  json["last_error"] =
      health.measured.last_error ? ordered_json(to_string(*health.measured.last_error)) : ordered_json();
  json["last_error_at"] = time_json(health.measured.last_error_time);
  json["parked"] = std::move(pauses);
  json["uploaded_today_bytes"] = health.uploaded_today;
  json["downloaded_today_bytes"] = health.downloaded_today;
  json["upload_budget_left_bytes"] = or_null(health.upload_budget_left);
  json["download_budget_left_bytes"] = or_null(health.download_budget_left);
  json["idle_days_left"] = or_null(health.idle_days_left);
  json["bwlimit"] = health.bandwidth.empty() ? ordered_json() : ordered_json(health.bandwidth);
  json["put"] = calls_json(health.measured.put);
  json["get"] = calls_json(health.measured.get);
  return json;
}

std::string_view state_of(StoreUse use) {
  switch (use) {
    case StoreUse::in_use: return "in_use";
    case StoreUse::draining: return "draining";
    default: return "unknown";
  }
}

ordered_json limit_json(std::uint64_t limit) { return limit == UINT64_MAX ? ordered_json() : ordered_json(limit); }

}  // namespace

engine::StoreHealth health_of(engine::Pool& pool, const engine::StoreStatus& store) {
  const auto* found = pool.stores().find(store.id);
  return found != nullptr ? engine::store_health(pool, *found) : engine::StoreHealth();
}

ordered_json store_json(engine::Pool& pool, const engine::StoreStatus& store) {
  ordered_json json{{"name", store.name},     {"url", store.url},       {"domain", store.domain},
                    {"id", to_hex(store.id)}, {"online", store.online}, {"offline", store.offline},
                    {"shards", store.shards}, {"queued", store.queued}, {"capacity_bytes", store.capacity_bytes}};
  json["used_bytes"] = store.space ? or_null(store.space->used_bytes) : ordered_json();
  json["free_bytes"] = store.space ? or_null(store.space->free_bytes) : ordered_json();
  json["state"] = state_of(store.use);
  json["health"] = health_json(health_of(pool, store));
  return json;
}

ordered_json traits_json(const store::StoreTraits& traits) {
  ordered_json json{{"parallel_calls", traits.parallel_calls},
                    {"delayed_listing", traits.delayed_listing},
                    {"lists_checksums", traits.lists_checksums}};
  json["max_object_bytes"] = limit_json(traits.max_object_bytes);
  json["downloads_are_scarce"] = traits.downloads_are_scarce;
  json["calls_per_second"] = traits.calls_per_second > 0 ? ordered_json(traits.calls_per_second) : ordered_json();
  json["daily_upload_bytes"] = limit_json(traits.daily_upload_bytes);
  json["daily_download_bytes"] = limit_json(traits.daily_download_bytes);
  json["idle_days"] = traits.idle_days != 0 ? ordered_json(traits.idle_days) : ordered_json();
  return json;
}

std::string traits_text(const store::StoreTraits& traits) {
  std::string text = fmt::format("at once        {} calls\n", traits.parallel_calls);
  if (traits.calls_per_second > 0) text += fmt::format("a second       {} calls\n", traits.calls_per_second);
  if (traits.max_object_bytes != UINT64_MAX)
    text += fmt::format("objects up to  {}\n", human_bytes(traits.max_object_bytes));
  if (traits.daily_upload_bytes != UINT64_MAX)
    text += fmt::format("uploads        {} a day\n", human_bytes(traits.daily_upload_bytes));
  if (traits.daily_download_bytes != UINT64_MAX)
    text += fmt::format("downloads      {} a day\n", human_bytes(traits.daily_download_bytes));
  if (traits.downloads_are_scarce) text += "downloads      scarce: read from elsewhere where possible\n";
  if (traits.idle_days != 0) text += fmt::format("idle           may be closed after {} days\n", traits.idle_days);
  return text;
}

std::string state_text(const engine::StoreStatus& store) {
  std::string text = store.online ? "online" : "offline";
  if (store.use == StoreUse::draining) text += ", draining";
  if (store.use == StoreUse::other) text += ", unknown state";
  return text;
}

std::string used_text(const engine::StoreStatus& store) {
  return store.space && store.space->used_bytes ? human_bytes(*store.space->used_bytes) : "-";
}

std::string free_text(const engine::StoreStatus& store) {
  return store.space && store.space->free_bytes ? human_bytes(*store.space->free_bytes) : "-";
}

std::string error_text(const engine::StoreHealth& health) {
  const auto rate = health.error_rate();
  return rate ? fmt::format("{:.1f} %", *rate * 100) : "-";
}

std::string last_seen_text(const engine::StoreHealth& health) {
  return health.measured.last_seen ? to_rfc3339(*health.measured.last_seen) : "-";
}

std::string remarks(const engine::StoreHealth& health) {
  constexpr std::int64_t k_soon_days = 30;
  std::string text;
  const auto add = [&](const std::string& remark) { text += (text.empty() ? "" : "; ") + remark; };
  for (const auto& pause : health.pauses) {
    add(fmt::format("{}paused until {}",
                    pause.traffic == store::Traffic::all ? "" : std::string(to_string(pause.traffic)) + " ",
                    to_rfc3339(pause.until)));
  }
  if (health.measured.put.errors > 0 && health.measured.last_error && health.measured.last_error_time) {
    add(fmt::format("{} of {} uploads failed, last error {} at {}", health.measured.put.errors,
                    health.measured.put.calls, to_string(*health.measured.last_error),
                    to_rfc3339(*health.measured.last_error_time)));
  }
  if (health.upload_budget_left) add(human_bytes(*health.upload_budget_left) + " of today's uploads left");
  if (health.download_budget_left) add(human_bytes(*health.download_budget_left) + " of today's downloads left");
  if (health.idle_days_left) {
    add(fmt::format("an idle account may be closed in {} days{}", *health.idle_days_left,
                    *health.idle_days_left <= k_soon_days ? ": modelfloat store touch" : ""));
  }
  return text;
}

}  // namespace modelfloat::cli
