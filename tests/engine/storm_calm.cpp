// What is left when the weather is calm again.
#include <algorithm>

#include "engine/storm.h"
#include <fmt/format.h>

#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat::test {
namespace {

// After the faults have stopped, all is well again within this.
constexpr double k_seconds_to_heal = 3600;

}  // namespace

// `is_final`: from now on each name has what it has now.
void Storm::check_all(Machine& machine, const std::string& when, bool is_final) {
  for (auto& [name, contents] : expected_) {
    std::optional<Files> found;
    try {
      found = machine.pull(name);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::not_found) return require(false, when + ": " + name + ": " + error.what());
    }
    require(contents.contains(found),
            fmt::format("{}: {} {}", when, name, found ? "has what it should not have" : "is not there"));
    if (is_final) contents = {found};
  }
}

// What was reported as done holds without the stores that have lost something, and for a machine that
// never saw the pool: nothing that is queued in a home counts.
void Storm::check_promise() {
  std::set<std::size_t> gone = harmed_;
  while (gone.size() < survive_) gone.insert(number(stores_));
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < stores_; ++i) {
    if (!gone.contains(i)) left.push_back(i);
    simulation_.store(i).is_away = gone.contains(i);
  }
  Machine& other = simulation_.visitor();
  other.recover(mf1::SlotSecret::recovery_code(mf1::RecoveryCode::parse(recovery_code_)), left);
  check_all(other, fmt::format("without {} stores", gone.size()), false);
  for (std::size_t i = 0; i < stores_; ++i) simulation_.store(i).is_away = false;
}

// Writes so much that checkpoints stand for what was before, and waits until that is deleted.
void Storm::check_checkpoints() {
  Machine& one = ready(0);
  simulation_.begin_step();
  const auto state = one.pool().log().state();
  for (std::size_t i = 0; i < 2 * mf1::k_checkpoint_every + number(10); ++i)
    one.pool().log().append({state.stores.begin()->second}, {});
  for (int day = 0; day < 2; ++day) {
    engine::catch_up(one.pool(), k_all_news, {});
    simulation_.time().sleep_for(std::chrono::hours(25), {});
  }
  engine::catch_up(one.pool(), k_all_news, {});
  tell(fmt::format("{} objects of the log are deleted", simulation_.removed().size()));
  require(!simulation_.removed().empty(), "old records are not deleted");
  check_removed(one);
}

// Of a record that never was on enough stores, the only copy may be damaged once its home is lost.
// Whether a doubt, or a path, tells of such a one.
bool Storm::is_lost_with_home(const std::string& text) {
  if (!is_home_lost_) return false;
  if (text.starts_with("the log of machine ")) return true;
  const auto name = ObjectName::parse(text.substr(0, text.find(' ')));
  if (!name || name->type() != ObjectType::log) return false;
  for (std::size_t store = 0; store < stores_; ++store) {
    if (simulation_.has_good(store, *name)) return false;
  }
  return true;
}

// The stores are well, and what they have lost is lost.
void Storm::calm() {
  tell("calm");
  simulation_.begin_step();
  calls_before_ = simulation_.history().size();
  for (std::size_t i = 0; i < simulation_.machine_count(); ++i) check_rollbacks_are_noticed(i);
  for (std::size_t i = 0; i < stores_; ++i) simulation_.store(i) = Behaviour();
  outage_.clear();
  unwell_.clear();
  begin_step();
  simulation_.time().sleep_for(std::chrono::hours(13), {});
  check_promise();
  for (const std::size_t store : out_) {
    if (ready(0).pool().stores().find(fmt::format("s{}", store)) == nullptr) simulation_.machine().add_store(store);
  }
  out_.clear();
  const SteadyTime begin = simulation_.time().steady_now();
  for (std::size_t i = 0; i < simulation_.machine_count(); ++i) check_rollbacks_are_noticed(i);
  // Twice, so that each has what the others sent last.
  for (std::size_t i = 0; i < simulation_.machine_count(); ++i)
    check_all(ready(i), fmt::format("after the storm, machine {}", i));
  check_log();
  check_chains(simulation_.machine());

  for (const auto& row : ready(0).pool().registry().stores()) {
    if (row.use == StoreUse::draining) engine::cancel_drain(simulation_.machine().pool(), row.name, {});
  }
  Machine& one = ready(0);
  if (perhaps(0.4)) {  // what is damaged is not known yet, and no more than promised
    const auto report = engine::repair(one.pool(), {}, {});
    require(report.unrepairable.empty(), "something cannot be repaired that is damaged");
    for (const std::string& offence : simulation_.offences()) require(false, offence);
    one.reopen();
  }
  engine::verify(one.pool(), {.read = true}, {});  // finds what is damaged
  one.reopen();
  const auto report = engine::repair(one.pool(), {}, {});
  tell(fmt::format("repaired: {} shards, {} documents", report.shards_written, report.documents_written));
  require(report.unrepairable.empty(), "something cannot be repaired");
  require(report.packs_below_promise == 0, "repair leaves packs below their promise");
  for (const std::string& doubt : report.doubts) require(is_lost_with_home(doubt), "repair doubts: " + doubt);
  one.reopen();
  const auto verified = engine::verify(one.pool(), {.read = true}, {});
  for (const std::string& doubt : verified.doubts) require(is_lost_with_home(doubt), "verify doubts: " + doubt);
  // Of a shard that is elsewhere, too, a damaged copy may stay: check_packs() looks at shards.
  for (const auto& finding : verified.damaged)
    require(
        finding.type == ObjectType::shard || is_lost_with_home(finding.object),
        fmt::format("after repair {} of {} is {}", finding.object, finding.store, transfer::to_string(finding.what)));
  const double seconds = seconds_between(begin, simulation_.time().steady_now());
  require(seconds < k_seconds_to_heal, fmt::format("it takes {:.0f} s until all is well", seconds));
  check_packs(
      one, {}, [this](std::size_t store, const ObjectName& name) { return simulation_.has_good(store, name); },
      "all is repaired");
  for (const std::string& offence : simulation_.offences()) require(false, offence);
  if (perhaps(0.1)) check_checkpoints();

  // Now any of them may go, and a machine that never was here finds everything.
  std::vector<std::size_t> left;
  std::set<std::size_t> gone;
  while (gone.size() < survive_) gone.insert(number(stores_));
  for (std::size_t i = 0; i < stores_; ++i) {
    if (!gone.contains(i)) left.push_back(i);
    simulation_.store(i).is_away = gone.contains(i);
  }
  Machine& fresh = simulation_.add_machine();
  fresh.recover(mf1::SlotSecret::recovery_code(mf1::RecoveryCode::parse(recovery_code_)), left);
  check_all(fresh, "with stores gone");
}

}  // namespace modelfloat::test
