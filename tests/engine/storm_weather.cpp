// What the stores and clocks of a storm do.
#include <algorithm>

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
  unwell_.insert(index);
  switch (number(16)) {
    case 0:
    case 1: store.is_away = true; break;
    case 2: store.fails = 0.3; break;
    case 3: store.hangs = true; break;
    case 4: store.loses_puts = 0.2; break;
    case 5: store.flips = 0.2; break;
    case 6: store.lists = Behaviour::Lists::empty; break;
    case 7: store.lists = Behaviour::Lists::half; break;
    case 8: store.lists = Behaviour::Lists::twice; break;
    case 9: simulation_.list_as_of_now(index); break;
    case 10: store.lists_late = Milliseconds(1'000 * (1 + number(600))); break;
    case 11: store.room = number(2'000'000); break;
    case 12: store.busy_until = simulation_.time().steady_now() + Milliseconds(1'000 * number(300)); break;
    case 13:
      if (may_harm(index)) store.spoils_puts = 0.5;
      break;
    default: unwell_.erase(index); return tell(fmt::format("s{} is well", index));
  }
  tell(fmt::format("s{}: away {} fails {} hangs {} loses {} spoils {} flips {} lists {} late {} room {}", index,
                   store.is_away, store.fails, store.hangs, store.loses_puts, store.spoils_puts, store.flips,
                   static_cast<int>(store.lists), store.lists_late.count(), store.room));
}

bool Storm::is_gone(std::size_t store) {
  const Behaviour& now = simulation_.store(store);
  return now.is_away || now.hangs;
}

bool Storm::readers_see_all() {
  const bool lies =
      std::any_of(unwell_.begin(), unwell_.end(), [this](std::size_t store) { return this->lies(store); });
  return is_alone_ && !lies && harmed_.empty() && unwell_.size() <= survive_;
}

// The machines reach few stores, or none.
void Storm::begin_outage() {
  const std::size_t first = number(stores_);
  const std::size_t left = number(survive_ + 2);
  for (std::size_t i = left; i < stores_; ++i) {
    const std::size_t store = (first + i) % stores_;
    simulation_.store(store).is_away = true;
    unwell_.insert(store);
    outage_.insert(store);
  }
  tell(fmt::format("outage: {} stores are left, from s{} on", left, first));
}

void Storm::end_outage() {
  for (const std::size_t store : outage_) {
    simulation_.store(store).is_away = false;
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
  const auto backup = snapshots_.find(index);
  if (backup != snapshots_.end() && perhaps(0.4)) {
    simulation_.roll_back(index, backup->second);
    return tell(fmt::format("s{} is rolled back", index));
  }
  switch (number(4)) {
    case 0: {
      const std::size_t count = 1 + number(10);
      simulation_.lose_last_puts(index, count);
      return tell(fmt::format("s{} loses its last {} puts", index, count));
    }
    case 1: return rot_some(index);
    default: break;
  }
  const double part = perhaps(0.4) ? 1 : 0.5;
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
