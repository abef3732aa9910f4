// What the stores and clocks of a storm do.
#include <algorithm>
#include <numeric>

#include "engine/storm.h"
#include <fmt/format.h>

namespace modelfloat::test {

void Storm::change_weather() {
  if (!outage_.empty()) return end_outage();
  if (perhaps(0.15)) return begin_outage();
  const std::size_t index = number(stores_);
  Behaviour& store = simulation_.store(index);
  const Milliseconds latency = store.latency;
  store = Behaviour();
  store.latency = latency;
  is_unwell(index);
  switch (number(20)) {
    case 0:
    case 1: store.is_away = true; break;
    case 2: store.fails = 0.3; break;
    case 3: store.hangs = true; break;
    case 4:
    case 17: store.loses_puts = perhaps(0.5) ? 0.2 : 1; break;
    case 5: store.flips = perhaps(0.5) ? 0.2 : 1; break;
    case 6: store.lists = Behaviour::Lists::empty; break;
    case 7: store.lists = Behaviour::Lists::half; break;
    case 8: store.lists = Behaviour::Lists::twice; break;
    case 9: simulation_.list_as_of_now(index); break;
    case 10: store.lists_late = Milliseconds(1'000 * (1 + number(600))); break;
    case 11: store.room = number(2'000'000); break;
    case 12: store.busy_until = simulation_.time().steady_now() + Milliseconds(1'000 * number(300)); break;
    case 14: store.refuses = perhaps(0.5) ? Behaviour::Refuses::log : Behaviour::Refuses::all; break;
    case 15: store.breaks_lists = perhaps(0.5) ? 0.5 : 1; break;
    case 13:
    case 16:  // a disk that breaks
      if (!may_harm(index)) break;
      store.spoils_puts = perhaps(0.5) ? 0.5 : 1;
      was_harmed_ = true;
      lose_some(index, 0.5);
      break;
    default: unwell_.erase(index); return tell(fmt::format("s{} is well", index));
  }
  tell(fmt::format(
      "s{}: away {} fails {} hangs {} loses {} spoils {} flips {} lists {} late {} breaks {} room {} refuses {}", index,
      store.is_away, store.fails, store.hangs, store.loses_puts, store.spoils_puts, store.flips,
      static_cast<int>(store.lists), store.lists_late.count(), store.breaks_lists, store.room,
      static_cast<int>(store.refuses)));
}

bool Storm::is_gone(std::size_t store) {
  const Behaviour& now = simulation_.store(store);
  return now.is_away || now.hangs;
}

void Storm::begin_step() {
  unwell_in_step_ = unwell_;
  gone_before_.clear();
  for (std::size_t store = 0; store < stores_; ++store) {
    if (is_gone(store)) gone_before_.insert(store);
  }
  simulation_.begin_step();
  calls_before_ = simulation_.history().size();
}

void Storm::is_unwell(std::size_t store) {
  unwell_.insert(store);
  unwell_in_step_.insert(store);
}

bool Storm::readers_see_all() {
  const auto lies = [this](std::size_t store) { return this->lies(store); };
  return is_alone_ && std::none_of(unwell_in_step_.begin(), unwell_in_step_.end(), lies) && harmed_.empty() &&
         unwell_in_step_.size() <= survive_;
}

// The same happens to many stores at once: the machines reach few, or none; or few take anything, or
// records of the log; or the lists of most break off.
void Storm::begin_outage() {
  const std::size_t first = number(stores_);
  const std::size_t left = number(survive_ + 2);
  const std::size_t kind = number(6);
  for (std::size_t i = left; i < stores_; ++i) {
    const std::size_t store = (first + i) % stores_;
    Behaviour& now = simulation_.store(store);
    switch (kind) {
      case 0: now.refuses = Behaviour::Refuses::all; break;
      case 1:
      case 2: now.refuses = Behaviour::Refuses::log; break;
      case 3: now.breaks_lists = 1; break;
      default: now.is_away = true; break;
    }
    is_unwell(store);
    outage_.insert(store);
  }
  tell(fmt::format("outage of kind {}: {} stores are left, from s{} on", kind, left, first));
}

// While the jobs of this step run. It may be over before they are.
void Storm::plan_outage() {
  if (!outage_.empty()) return;
  const std::size_t call = 1 + number(perhaps(0.5) ? 40 : 200);
  const Milliseconds length(perhaps(0.5) ? 0 : 1'000 * (1 + number(100)));
  simulation_.before_call(call, [this, length] {
    begin_outage();
    if (length.count() == 0) return;
    simulation_.time().submit([this, length, lives = std::weak_ptr(lives_)] {
      simulation_.time().sleep_for(length, {});
      if (!lives.expired() && !outage_.empty()) end_outage();
    });
  });
}

void Storm::end_outage() {
  for (const std::size_t store : outage_) {
    Behaviour& now = simulation_.store(store);
    now.is_away = false;
    now.refuses = Behaviour::Refuses::nothing;
    now.breaks_lists = 0;
    if (simulation_.store(store).is_well()) unwell_.erase(store);
  }
  outage_.clear();
  tell("the outage is over");
}

bool Storm::lies(std::size_t store) {
  const Behaviour& now = simulation_.store(store);
  return now.lists != Behaviour::Lists::right || now.lists_late.count() > 0;
}

// Whether one more store may lose data.
bool Storm::may_harm(std::size_t store) {
  auto harmed = harmed_;
  harmed.insert(store);
  if (harmed.size() > survive_) return false;
  harmed_ = std::move(harmed);
  return true;
}

void Storm::harm() {
  const std::size_t index = number(stores_);
  if (perhaps(0.3)) {
    snapshots_[index] = simulation_.snapshot(index);
    return tell(fmt::format("s{} is backed up", index));
  }
  if (!may_harm(index)) return;
  was_harmed_ = true;
  const auto backup = snapshots_.find(index);
  if (backup != snapshots_.end() && perhaps(0.4)) {
    simulation_.roll_back(index, backup->second);
    return tell(fmt::format("s{} is rolled back", index));
  }
  switch (number(5)) {
    case 0: {
      const std::size_t count = 1 + number(10);
      simulation_.lose_last_puts(index, count);
      return tell(fmt::format("s{} loses its last {} puts", index, count));
    }
    case 1:
    case 2: return rot_some(index);
    default: return lose_some(index, perhaps(0.4) ? 1 : 0.5);
  }
}

void Storm::lose_some(std::size_t index, double part) {
  auto rest = simulation_.snapshot(index);
  std::erase_if(rest, [&](const auto& object) { return object.first != "mf1/marker" && perhaps(part); });
  simulation_.roll_back(index, rest);
  tell(fmt::format("s{} loses {} of what it has", index, part == 1 ? "all" : "half"));
}

void Storm::rot_some(std::size_t store) {
  std::size_t count = 0;
  for (const auto& [path, bytes] : simulation_.snapshot(store)) {
    const auto name = ObjectName::parse(path).value();
    if (!name.hash() || !perhaps(0.4)) continue;
    simulation_.rot(store, name);
    ++count;
  }
  tell(fmt::format("s{} has {} objects with a wrong bit", store, count));
}

// A machine burns down. Another one takes its place, which has the recovery code alone.
void Storm::lose_home() {
  const std::size_t home = number(simulation_.machine_count());
  std::vector<std::size_t> stores(stores_);
  std::iota(stores.begin(), stores.end(), std::size_t{0});
  try {
    simulation_.replace(home, mf1::SlotSecret::recovery_code(mf1::RecoveryCode::parse(recovery_code_)), stores);
    writers_.erase(home);
    is_home_lost_ = true;
    tell(fmt::format("machine {} is lost, and replaced", home));
  } catch (const Error& error) {
    require(!is_calm() || !harmed_.empty(), fmt::format("machine {} cannot be replaced: {}", home, error.what()));
  }
}

// Now, or while the next jobs run.
void Storm::change_clock() {
  const std::size_t home = number(simulation_.machine_count());
  const auto most = std::chrono::minutes(perhaps(0.5) ? 600 : 20'000);
  const auto by = std::chrono::minutes(1 + number(static_cast<std::size_t>(most.count()))) * (perhaps(0.5) ? 1 : -1);
  tell(fmt::format("the clock of machine {} jumps by {} minutes", home, by.count()));
  if (perhaps(0.5)) return simulation_.clock(home).jump(by);
  simulation_.time().submit([this, home, by, later = Milliseconds(number(2'000))] {
    simulation_.time().sleep_for(later, {});
    simulation_.clock(home).jump(by);
  });
}

}  // namespace modelfloat::test
