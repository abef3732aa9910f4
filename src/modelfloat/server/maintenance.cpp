#include "modelfloat/server/maintenance.h"

#include <algorithm>
#include <charconv>

#include "modelfloat/base/error.h"

namespace modelfloat::server {
namespace {

using Presence = MaintenanceView::Presence;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr minutes k_longest_between_looks{2};
constexpr hours k_after_repair{1};  // until it is looked at whether something is left
constexpr hours k_after_failure{1};
constexpr hours k_after_cancel{24};      // somebody did not want it
constexpr hours k_try_again{24};         // what a repair could not help
constexpr days k_clock_may_be_wrong{1};  // by so much after a clock was set back

constexpr std::string_view name_of(MaintenanceJob::Kind kind) noexcept {
  return kind == MaintenanceJob::Kind::repair ? "repair" : "verify";
}

std::int64_t day_of(UtcTime time) { return std::chrono::floor<days>(time).time_since_epoch().count(); }

minutes minute_of_day(UtcTime time) {
  return std::chrono::duration_cast<minutes>(time - std::chrono::floor<days>(time));
}

std::uint64_t minus(std::uint64_t a, std::uint64_t b) noexcept { return a > b ? a - b : 0; }

std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

std::optional<std::uint64_t> smaller(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) noexcept {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

minutes time_of_day(std::string_view text) {
  const auto number = [](std::string_view digits, unsigned end) -> std::optional<unsigned> {
    unsigned value = 0;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.size() != 2 || error != std::errc{} || rest != digits.data() + digits.size() || value >= end)
      return std::nullopt;
    return value;
  };
  const auto hour = number(text.substr(0, 2), 24);
  const auto minute = text.size() == 5 && text[2] == ':' ? number(text.substr(3), 60) : std::nullopt;
  if (!hour || !minute) throw Error(ErrorKind::invalid, std::string(text), "is no time of day, such as 01:00");
  return hours(*hour) + minutes(*minute);
}

}  // namespace

bool DayWindow::contains(UtcTime time) const noexcept {
  const auto minute = minute_of_day(time);
  return begin < end ? begin <= minute && minute < end : begin <= minute || minute < end;
}

DayWindow parse_day_window(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos)
    throw Error(ErrorKind::invalid, std::string(text), "is no part of a day, such as 01:00-06:00 (UTC)");
  const DayWindow window{time_of_day(text.substr(0, dash)), time_of_day(text.substr(dash + 1))};
  if (window.begin == window.end)
    throw Error(ErrorKind::invalid, std::string(text), "begins when it ends: leave it out to mean always");
  return window;
}

Maintenance::Maintenance(MaintenancePolicy policy, MaintenanceRecord record)
    : policy_(policy), record_(std::move(record)) {}

// A time that is still to come was written by a clock that was wrong.
void Maintenance::mend_times(UtcTime now) {
  // What was pushed before there was maintenance counts as read when it began.
  if (record_.scrubbed_at == UtcTime()) record_.scrubbed_at = now;
  for (UtcTime* time : {&record_.scrubbed_at, &record_.repaired_at, &record_.job_began}) *time = std::min(*time, now);
  std::erase_if(record_.not_before,
                [&](const auto& entry) { return entry.second <= now || entry.second > now + k_after_cancel; });
  const auto today = day_of(now);
  if (record_.day == today) return;
  // After a clock was set back a little, the budget of that day is not given twice.
  const bool is_same = record_.day > today && record_.day - today <= k_clock_may_be_wrong.count();
  if (!is_same) record_.downloaded = record_.uploaded = 0;
  if (is_same && record_.job_day == record_.day) record_.job_day = today;
  record_.day = today;
}

void Maintenance::count_offline(const MaintenanceView& view) {
  const Milliseconds passed =
      looked_at_ ? std::clamp<Milliseconds>(view.now - *looked_at_, Milliseconds{0}, k_longest_between_looks)
                 : Milliseconds{0};
  looked_at_ = view.now;
  std::map<std::string, Milliseconds> offline;
  for (const auto& store : view.stores) {
    if (store.presence == Presence::online) {
      record_.repaired_without.erase(store.id);
      continue;
    }
    const auto before = record_.offline.find(store.id);
    const bool is_known = before != record_.offline.end();
    if (store.presence == Presence::offline) {
      offline[store.id] = is_known ? before->second + passed : Milliseconds{0};
    } else if (is_known) {
      offline[store.id] = before->second;
    }
  }
  record_.offline = std::move(offline);
}

// The stores that are not waited for any more.
std::set<std::string> Maintenance::away() const {
  std::set<std::string> away;
  for (const auto& [id, time] : record_.offline) {
    if (time >= hours(policy_.repair_after_hours)) away.insert(id);
  }
  return away;
}

std::set<std::string> Maintenance::awaited(const MaintenanceView& view) const {
  const auto given_up = away();
  std::set<std::string> awaited;
  for (const auto& store : view.stores) {
    if (store.presence != Presence::online && !given_up.contains(store.id)) awaited.insert(store.id);
  }
  return awaited;
}

bool Maintenance::may_begin(MaintenanceJob::Kind kind, UtcTime now) const {
  const auto wait = record_.not_before.find(std::string(name_of(kind)));
  return wait == record_.not_before.end() || wait->second <= now;
}

bool Maintenance::wants_repair(const MaintenanceView& view) const {
  const bool is_old = view.now - record_.repaired_at >= k_try_again;
  if (view.damaged_copies > 0 && (!record_.is_settled || view.damaged_copies > record_.damage_left || is_old))
    return true;
  const auto without = away();
  if (without.empty()) return false;
  return !record_.is_settled || !std::includes(record_.repaired_without.begin(), record_.repaired_without.end(),
                                               without.begin(), without.end());
}

// The share of the days that have passed since the last part: 0 within a day.
double Maintenance::scrub_percent(UtcTime now) const {
  const auto passed = std::chrono::floor<days>(now - record_.scrubbed_at);
  if (policy_.scrub_days == 0 || passed < days(1)) return 0;
  return std::min(100.0, 100.0 * static_cast<double>(passed.count()) / policy_.scrub_days);
}

std::optional<std::uint64_t> Maintenance::download_left() const {
  if (!policy_.download_per_day) return std::nullopt;
  return minus(*policy_.download_per_day, record_.downloaded);
}

std::optional<std::uint64_t> Maintenance::upload_left() const {
  if (!policy_.upload_per_day) return std::nullopt;
  return minus(*policy_.upload_per_day, record_.uploaded);
}

std::optional<MaintenanceJob> Maintenance::look(const MaintenanceView& view) {
  now_ = view.now;
  mend_times(view.now);
  count_offline(view);
  // What the repair left: it has just found nothing more to do.
  if (record_.is_settled && record_.job.empty())
    record_.damage_left = std::min(record_.damage_left, view.damaged_copies);
  if (!policy_.enabled || view.is_busy || !record_.job.empty()) return std::nullopt;
  if (policy_.window && !policy_.window->contains(view.now)) return std::nullopt;
  const bool any_online = std::any_of(view.stores.begin(), view.stores.end(),
                                      [](const auto& store) { return store.presence == Presence::online; });
  if (!any_online) return std::nullopt;

  using Kind = MaintenanceJob::Kind;
  if (may_begin(Kind::repair, view.now) && wants_repair(view)) {
    // What it reads and what it writes together stay below the smaller of the two.
    const auto budget = smaller(download_left(), upload_left());
    if (!budget || *budget > 0) return MaintenanceJob{Kind::repair, budget, awaited(view)};
  }
  if (const double percent = scrub_percent(view.now); percent > 0 && may_begin(Kind::verify, view.now)) {
    const auto budget = download_left();
    if (!budget || *budget > 0) return MaintenanceJob{Kind::verify, budget, {}, percent};
  }
  return std::nullopt;
}

void Maintenance::begin(const MaintenanceJob& job, const std::string& id) {
  record_.job = id;
  record_.job_kind = name_of(job.kind);
  record_.job_began = now_;
  record_.job_day = record_.day;
  record_.job_without = away();
  record_.charged_download = policy_.download_per_day ? job.budget_bytes.value_or(0) : 0;
  record_.charged_upload =
      policy_.upload_per_day && job.kind == MaintenanceJob::Kind::repair ? job.budget_bytes.value_or(0) : 0;
  record_.downloaded = plus(record_.downloaded, record_.charged_download);
  record_.uploaded = plus(record_.uploaded, record_.charged_upload);
}

void Maintenance::ended(const MaintenanceOutcome& outcome, UtcTime now) {
  using End = MaintenanceOutcome::End;
  if (record_.job_day == record_.day) {
    const auto correct = [](std::uint64_t& used, std::uint64_t charged, std::optional<std::uint64_t> moved) {
      if (moved) used = plus(minus(used, charged), *moved);
    };
    correct(record_.downloaded, record_.charged_download, outcome.bytes_read);
    correct(record_.uploaded, record_.charged_upload, outcome.bytes_written);
  }
  const bool is_repair = record_.job_kind == name_of(MaintenanceJob::Kind::repair);
  if (outcome.end != End::done) {
    record_.not_before[record_.job_kind] = now + (outcome.end == End::cancelled ? k_after_cancel : k_after_failure);
  } else if (is_repair) {
    record_.repaired_at = now;
    // Packs for which the budget did not suffice: there is another one tomorrow.
    const bool is_cut = outcome.left_something && (record_.charged_download > 0 || record_.charged_upload > 0);
    record_.is_settled = !outcome.wrote_something && !is_cut;
    record_.repaired_without = record_.job_without;
    record_.damage_left = UINT64_MAX;  // until the next look counts it
    if (is_cut) {
      record_.not_before[record_.job_kind] = std::chrono::floor<days>(now) + days(1);
    } else if (outcome.wrote_something) {
      record_.not_before[record_.job_kind] = now + k_after_repair;
    }
  } else {
    record_.scrubbed_at = record_.job_began;
  }
  record_.job.clear();
  record_.job_kind.clear();
  record_.job_without.clear();
  record_.charged_download = record_.charged_upload = 0;
  record_.job_began = {};
  record_.job_day = 0;
}

}  // namespace modelfloat::server
