#include "engine/storm.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat::test {
namespace {

constexpr std::size_t k_names = 4;
constexpr std::size_t k_most_machines = 3;

PolicySet policy_of(std::size_t stores, unsigned survive) {
  if (stores < 2 * survive + 2) return {1, static_cast<std::uint8_t>(survive), static_cast<std::uint8_t>(survive)};
  return {0, 0, static_cast<std::uint8_t>(survive)};
}

}  // namespace

Storm::Storm(std::uint64_t seed)
    : random_(seed * 7919 + 17),
      stores_(3 + number(6)),
      survive_(1 + static_cast<unsigned>(number(stores_ > 5 ? 2 : 1))),
      simulation_(stores_, seed) {
  for (std::size_t i = 0; i < stores_; ++i) simulation_.store(i).latency = Milliseconds(1 + number(100));
  simulation_.machine().create(policy_of(stores_, survive_));
  tell(fmt::format("{} stores, survive {}", stores_, survive_));
  const std::size_t machines = 1 + number(k_most_machines);
  std::vector<std::size_t> all(stores_);
  for (std::size_t i = 0; i < stores_; ++i) all[i] = i;
  while (simulation_.machine_count() < machines)
    simulation_.add_machine().recover(simulation_.machine().recovery_secret(), all);
}

void Storm::tell(const std::string& text) {
  story_.push_back(fmt::format("{:9.1f} {}", seconds_between({}, simulation_.time().steady_now()), text));
}

std::string Storm::any_name() { return fmt::format("ns/m{}:{}", number(k_names), number(3) == 0 ? "old" : "new"); }

// Small ones lie in the manifest; the others make a pack, and some share their beginning.
Files Storm::any_files() {
  const std::size_t size = perhaps(0.5) ? 1 + number(2'000) : 300'000 + number(400'000);
  Files files{{"m.bin", random_bytes(size, number(6))}};
  if (perhaps(0.3)) files["more.txt"] = random_bytes(1 + number(500), number(1'000));
  return files;
}

std::string Storm::run(std::size_t steps) {
  try {
    for (std::size_t i = 0; i < steps && failure_.empty(); ++i) step();
    if (failure_.empty()) calm();
  } catch (const std::exception& error) {
    require(false, std::string("not excused: ") + error.what());
  }
  return failure_;
}

void Storm::require(bool holds, const std::string& what) {
  if (holds || !failure_.empty()) return;
  failure_ = what;
  tell("WRONG: " + what);
}

void Storm::step() {
  if (perhaps(0.5)) change_weather();
  if (perhaps(0.2)) harm();
  if (perhaps(0.3)) {
    const Milliseconds rest(1'000 * number(perhaps(0.2) ? 200'000 : 600));
    simulation_.time().sleep_for(rest, {});
  }
  const std::size_t machine = number(simulation_.machine_count());
  switch (number(9)) {
    case 0:
    case 1:
    case 2: return push(machine);
    case 3: return remove(machine);
    case 4: return repair(machine);
    case 5: return verify(machine);
    case 6: return drain(machine);
    default: return look(machine);
  }
}

void Storm::change_weather() {
  const std::size_t index = number(stores_);
  Behaviour& store = simulation_.store(index);
  const Milliseconds latency = store.latency;
  store = Behaviour();
  store.latency = latency;
  switch (number(14)) {
    case 0: store.is_away = true; break;
    case 1: store.fails = 0.3; break;
    case 2: store.hangs = true; break;
    case 3: store.loses_puts = 0.2; break;
    case 4: store.flips = 0.2; break;
    case 5: store.lists = Behaviour::Lists::empty; break;
    case 6: store.lists = Behaviour::Lists::half; break;
    case 7: store.lists = Behaviour::Lists::twice; break;
    case 8: simulation_.list_as_of_now(index); break;
    case 9: store.lists_late = Milliseconds(1'000 * (1 + number(600))); break;
    case 10: store.room = number(2'000'000); break;
    case 11: store.busy_until = simulation_.time().steady_now() + Milliseconds(1'000 * number(300)); break;
    default: return tell(fmt::format("s{} is well", index));
  }
  tell(fmt::format("s{}: away {} fails {} hangs {} loses {} flips {} lists {} late {} room {}", index, store.is_away,
                   store.fails, store.hangs, store.loses_puts, store.flips, static_cast<int>(store.lists),
                   store.lists_late.count(), store.room));
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
  if (perhaps(0.4)) {
    snapshots_[index] = simulation_.snapshot(index);
    return tell(fmt::format("s{} is backed up", index));
  }
  if (!may_harm(index)) return;
  const auto backup = snapshots_.find(index);
  if (backup != snapshots_.end() && perhaps(0.4)) {
    simulation_.roll_back(index, backup->second);
    return tell(fmt::format("s{} is rolled back", index));
  }
  if (perhaps(0.5)) {
    const std::size_t count = 1 + number(10);
    simulation_.lose_last_puts(index, count);
    return tell(fmt::format("s{} loses its last {} puts", index, count));
  }
  auto rest = simulation_.snapshot(index);
  std::erase_if(rest, [&](const auto& object) { return object.first != "mf1/marker" && perhaps(0.5); });
  simulation_.roll_back(index, rest);
  tell(fmt::format("s{} loses half of what it has", index));
}

Machine& Storm::ready(std::size_t machine) {
  if (simulation_.machine(machine).process().is_dead()) {
    tell(fmt::format("machine {} starts again", machine));
    simulation_.restart(machine);
  }
  Machine& one = simulation_.machine(machine);
  one.reopen();
  return one;
}

// Does it, perhaps until the process is killed. Returns whether it was done. What a store is to
// blame for is excused.
template <typename Work>
bool Storm::attempt(const std::string& what, std::size_t machine, const Work& work) {
  Machine& one = ready(machine);
  if (perhaps(0.25)) one.process().kill_at(1 + number(60), perhaps(0.5) ? Moment::before : Moment::after);
  const std::string told = fmt::format("machine {} {}", machine, what);
  try {
    work(one);
    if (one.process().is_dead()) {
      tell(told + ": killed");
      return false;
    }
    one.process().spare();
    tell(told + ": done");
    return true;
  } catch (const Error& error) {
    one.process().spare();
    tell(told + ": " + (one.process().is_dead() ? "killed" : error.what()));
    require(error.kind != ErrorKind::internal, told + ": " + error.what());
    return false;
  }
}

void Storm::push(std::size_t machine) {
  const std::string name = any_name();
  const Files files = any_files();
  Contents& contents = expected_.try_emplace(name, Contents{std::nullopt}).first->second;
  const bool done = attempt(fmt::format("pushes {} of {} bytes", name, files.at("m.bin").size()), machine,
                            [&](Machine& one) { one.push(name, files); });
  if (done) contents.clear();
  contents.insert(files);
}

void Storm::remove(std::size_t machine) {
  if (expected_.empty()) return;
  const auto which = std::next(expected_.begin(), static_cast<std::ptrdiff_t>(number(expected_.size())));
  bool complete = false;
  bool found = true;
  const bool done = attempt("removes " + which->first, machine, [&](Machine& one) {
    try {
      complete = engine::remove_model(one.pool(), ModelRef::parse(which->first), {}).complete;
    } catch (const Error& error) {
      if (error.kind != ErrorKind::not_found) throw;
      found = false;
    }
  });
  if (done && !found) {
    require(which->second.contains(std::nullopt), which->first + " is not found");
    return;
  }
  if (done && complete) which->second.clear();
  which->second.insert(std::nullopt);
}

void Storm::look(std::size_t machine) {
  if (expected_.empty()) return;
  const auto which = std::next(expected_.begin(), static_cast<std::ptrdiff_t>(number(expected_.size())));
  attempt("pulls " + which->first, machine, [&](Machine& one) {
    const Files files = one.pull(which->first);
    // A reader may be behind while stores are away; it never sees what nobody pushed.
    require(!files.empty(), "an empty model");
  });
}

void Storm::repair(std::size_t machine) {
  attempt("repairs", machine, [&](Machine& one) {
    const auto report = engine::repair(one.pool(), {}, {});
    tell(fmt::format("  {} shards, {} documents, {} below the promise, {} unrepairable, {} doubts",
                     report.shards_written, report.documents_written, report.packs_below_promise,
                     report.unrepairable.size(), report.doubts.size()));
  });
}

void Storm::verify(std::size_t machine) {
  attempt("verifies", machine, [&](Machine& one) { engine::verify(one.pool(), {.read = perhaps(0.5)}, {}); });
}

// A store that is draining is used again before the calm, since the rest may be too few for the
// promise.
void Storm::drain(std::size_t machine) {
  const std::string name = "s" + std::to_string(number(stores_));
  const bool cancels = draining_.contains(name) && perhaps(0.5);
  attempt((cancels ? "uses again " : "drains ") + name, machine, [&](Machine& one) {
    draining_.insert(name);
    if (cancels) return engine::cancel_drain(one.pool(), name, {});
    const auto report = engine::drain_store(one.pool(), name, {}, {});
    tell(fmt::format("  {} shards, {} left", report.shards_moved, report.left));
  });
}

void Storm::check_all(Machine& machine, const std::string& when) {
  for (auto& [name, contents] : expected_) {
    std::optional<Files> found;
    try {
      found = machine.pull(name);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::not_found) return require(false, when + ": " + name + ": " + error.what());
    }
    require(contents.contains(found),
            fmt::format("{}: {} {}", when, name, found ? "has what it should not have" : "is not there"));
    contents = {found};
  }
}

// The stores are well, and what they have lost is lost.
void Storm::calm() {
  tell("calm");
  for (std::size_t i = 0; i < stores_; ++i) simulation_.store(i) = Behaviour();
  simulation_.time().sleep_for(std::chrono::hours(13), {});
  for (std::size_t i = 0; i < simulation_.machine_count(); ++i) {
    Machine& one = ready(i);
    engine::catch_up(one.pool(),
                     {.recheck = engine::MarkerWait::full, .log = engine::LogReading::all, .catalogue = true}, {});
  }
  // Twice, so that each has what the others sent last.
  for (std::size_t i = 0; i < simulation_.machine_count(); ++i)
    check_all(ready(i), fmt::format("after the storm, machine {}", i));

  for (const auto& row : ready(0).pool().registry().stores()) {
    if (row.use == StoreUse::draining) engine::cancel_drain(simulation_.machine().pool(), row.name, {});
  }
  Machine& one = ready(0);
  engine::verify(one.pool(), {.read = true}, {});  // finds what is damaged
  one.reopen();
  const auto report = engine::repair(one.pool(), {}, {});
  tell(fmt::format("repaired: {} shards, {} documents", report.shards_written, report.documents_written));
  require(report.unrepairable.empty(), "something cannot be repaired");
  require(report.packs_below_promise == 0, "repair leaves packs below their promise");
  for (const std::string& doubt : report.doubts) require(false, "repair doubts: " + doubt);
  one.reopen();
  const auto verified = engine::verify(one.pool(), {.read = true}, {});
  for (const std::string& doubt : verified.doubts) require(false, "verify doubts: " + doubt);
  for (const auto& finding : verified.damaged)
    require(false, fmt::format("after repair {} of {} is {}", finding.object, finding.store,
                               transfer::to_string(finding.what)));

  // Now any of them may go, and a machine that never was here finds everything.
  std::vector<std::size_t> left;
  std::set<std::size_t> gone;
  while (gone.size() < survive_) gone.insert(number(stores_));
  for (std::size_t i = 0; i < stores_; ++i) {
    if (!gone.contains(i)) left.push_back(i);
    simulation_.store(i).is_away = gone.contains(i);
  }
  Machine& fresh = simulation_.add_machine();
  fresh.recover(simulation_.machine().recovery_secret(), left);
  check_all(fresh, "with stores gone");
}

}  // namespace modelfloat::test
