#include "modelfloat/server/maintainer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server {
namespace {

constexpr Milliseconds k_between_looks{60'000};
constexpr Milliseconds k_between_tries{5'000};  // to become the one that maintains
constexpr const char* k_setting = "maintenance";
// No job has this id: what was begun and has none when the program starts again was cut off.
constexpr const char* k_no_id_yet = "-";

std::optional<std::uint64_t> number_in(const nlohmann::json& result, const char* name) {
  const auto found = result.find(name);
  if (found == result.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

MaintenanceOutcome outcome_of(const std::optional<registry::JobRow>& job) {
  using End = MaintenanceOutcome::End;
  MaintenanceOutcome outcome;
  outcome.end = !job || job->state != registry::JobState::done ? End::failed : End::done;
  if (job && job->state == registry::JobState::cancelled) outcome.end = End::cancelled;
  if (outcome.end != End::done) return outcome;
  const auto result = nlohmann::json::parse(job->result, nullptr, false);
  if (!result.is_object()) return outcome;
  outcome.bytes_read = number_in(result, "bytes_read");
  outcome.bytes_written = number_in(result, "bytes_written");
  outcome.wrote_something =
      number_in(result, "shards_written").value_or(0) + number_in(result, "documents_written").value_or(0) > 0;
  outcome.left_something = number_in(result, "shards_left").value_or(0) > 0;
  return outcome;
}

}  // namespace

Maintainer::Maintainer(engine::Pool& pool, JobRunner& jobs, MaintenancePolicy policy, std::filesystem::path lock_file)
    : pool_(pool), jobs_(jobs), policy_(policy), lock_file_(std::move(lock_file)) {}

void Maintainer::start() {
  if (!policy_.enabled) return;
  take_over();
  thread_ = start_thread([this](const std::stop_token& stop) { work(stop); });
}

void Maintainer::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const bool is_mine = take_over();
    pool_.environment().clock.sleep_for(is_mine ? k_between_looks : k_between_tries, stop);
    if (is_mine && !stop.stop_requested()) look();
  }
}

bool Maintainer::take_over() {
  if (lock_) return true;
  try {
    lock_ = FileLock::try_take(lock_file_);
    if (!lock_) {
      if (!std::exchange(warned_, true))
        log_warning("another server of this home maintains the pool; this one does when that one has ended");
      return false;
    }
    const auto text = pool_.registry().setting(k_setting).value_or(Bytes());
    saved_ = maintenance_record_of(as_text(text));
    maintenance_.emplace(policy_, saved_);
    if (warned_) log_info("this server maintains the pool now");
    return true;
  } catch (const std::exception& error) {
    lock_.reset();
    if (!std::exchange(warned_, true)) log_warning(std::string("the pool is not maintained: ") + error.what());
    return false;
  }
}

bool Maintainer::look() {
  if (!lock_) return false;
  try {
    jobs_.interrupt_lost_jobs();
    note_end();
    const auto job = maintenance_->look(view());
    if (job) begin(*job);
    save();
  } catch (const std::exception& error) {
    log_warning(std::string("maintenance: ") + error.what());
  }
  return true;
}

void Maintainer::note_end() {
  const auto& id = maintenance_->record().job;
  if (id.empty()) return;
  const auto job = jobs_.find(id);
  if (job && !registry::has_ended(job->state)) return;
  maintenance_->ended(outcome_of(job), pool_.environment().clock.utc_now());
}

MaintenanceView Maintainer::view() {
  using Presence = MaintenanceView::Presence;
  auto& registry = pool_.registry();
  MaintenanceView view;
  view.now = pool_.environment().clock.utc_now();
  view.is_busy = !jobs_.is_idle();
  std::set<StoreId> online;
  for (const auto* store : pool_.stores().all()) {
    const auto presence = store->state->presence();
    const bool is_online = presence == transfer::Presence::online;
    const bool is_offline = presence == transfer::Presence::offline;
    view.stores.push_back({to_hex(store->id), is_online    ? Presence::online
                                              : is_offline ? Presence::offline
                                                           : Presence::unknown});
    if (!is_online) continue;
    online.insert(store->id);
    for (const auto state : {registry::CopyState::corrupt, registry::CopyState::missing})
      view.damaged_copies += registry.damaged_shards(store->id, state).size();
  }
  for (const auto& damaged : registry.damaged_documents())
    view.damaged_copies += online.contains(damaged.store) ? 1 : 0;
  return view;
}

void Maintainer::begin(const MaintenanceJob& job) {
  nlohmann::json options = nlohmann::json::object();
  if (job.kind == MaintenanceJob::Kind::verify) options["sample_percent"] = job.sample_percent;
  for (const auto* store : pool_.stores().all()) {
    if (job.wait_for.contains(to_hex(store->id))) options["wait_for"].push_back(store->name);
  }
  if (job.budget_bytes) options["budget_bytes"] = std::min<std::uint64_t>(*job.budget_bytes, INT64_MAX);
  maintenance_->begin(job, k_no_id_yet);
  save();
  try {
    const auto row =
        jobs_.start(job.kind == MaintenanceJob::Kind::verify ? "verify" : "repair", options, "maintenance");
    maintenance_->has_id(row.id);
    log_info(fmt::format("maintenance begins a {}: {}", row.kind, row.id));
  } catch (...) {
    maintenance_->ended({MaintenanceOutcome::End::failed, 0, 0}, pool_.environment().clock.utc_now());
    throw;
  }
}

void Maintainer::save() {
  if (maintenance_->record() == saved_) return;
  pool_.registry().set_setting(k_setting, as_bytes(to_text(maintenance_->record())));
  saved_ = maintenance_->record();
}

}  // namespace modelfloat::server
