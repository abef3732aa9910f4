#include "engine/storm.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/log.h"

namespace modelfloat::test {
namespace {

constexpr std::size_t k_most_machines = 3;

// For what follows from the seed and a number.
std::uint64_t seed_of(std::uint64_t seed, std::size_t part) { return (seed * 7919 + 17) * 1'000'003 + part; }

constexpr std::size_t k_beginning = 1'000'000;  // no number of a step
constexpr std::size_t k_end = 1'000'001;

}  // namespace

Storm::Storm(std::uint64_t seed)
    : seed_(seed),
      random_(std::in_place, seed_of(seed, k_beginning)),
      stores_(3 + number(6)),
      survive_(1 + static_cast<unsigned>(number(stores_ > 5 ? 2 : 1))),
      simulation_(stores_, seed) {
  set_log_level(LogLevel::error);  // thousands of warnings are what is to be expected
}

Storm::~Storm() {
  simulation_.begin_step();  // nothing is planned any more
  set_log_level(LogLevel::warning);
}

void Storm::tell(const std::string& text) {
  story_.push_back(fmt::format("{:9.1f} {}", seconds_between({}, simulation_.time().steady_now()), text));
}

void Storm::require(bool holds, const std::string& what) {
  if (holds || !failure_.empty()) return;
  failure_ = what;
  tell("WRONG: " + what);
}

// As many data shards as there are domains for, or fewer, so that a shard may find another place.
PolicySet Storm::any_policy() {
  const auto survive = static_cast<std::uint8_t>(survive_);
  if (stores_ < 2 * survive_ + 2) return {1, survive, survive};
  const std::size_t most = stores_ - survive_ - 1;
  if (perhaps(0.35)) return {0, 0, survive};
  if (perhaps(0.3)) return {1, survive, survive};
  return {static_cast<std::uint8_t>(1 + number(most)), survive, survive};
}

void Storm::make_pool() {
  for (std::size_t i = 0; i < stores_; ++i) simulation_.store(i).latency = Milliseconds(1 + number(100));
  const PolicySet policy = any_policy();
  simulation_.machine().create(policy);
  recovery_code_ = simulation_.machine().recovery_code();
  tell(fmt::format("{} stores, {}+{}, survive {}", stores_, policy.k, policy.m, survive_));
  const std::size_t machines = 1 + number(k_most_machines);
  std::vector<std::size_t> all(stores_);
  for (std::size_t i = 0; i < stores_; ++i) all[i] = i;
  while (simulation_.machine_count() < machines)
    simulation_.add_machine().recover(simulation_.machine().recovery_secret(), all);
  for (std::size_t i = 0; i < 2; ++i) {  // something to lose
    const std::string name = any_name();
    const Files files = any_files();
    pushed_[name].insert(files);
    expected_[name] = {files};
    simulation_.machine().push(name, files);
    tell(fmt::format("machine 0 pushes {} of {} bytes", name, files.at("m.bin").size()));
  }
}

std::string Storm::run(const std::vector<std::size_t>& steps) {
  try {
    make_pool();
    for (std::size_t i = 0; i < steps.size() && failure_.empty(); ++i) step(steps[i]);
    random_.emplace(seed_of(seed_, k_end));
    if (failure_.empty()) calm();
  } catch (const std::exception& error) {
    require(false, std::string("not excused: ") + error.what());
  }
  return failure_;
}

void Storm::step(std::size_t index) {
  random_.emplace(seed_of(seed_, index));
  tell(fmt::format("--- {}", index));
  was_harmed_ = false;
  if (perhaps(0.5)) change_weather();
  if (perhaps(0.3)) harm();
  if (perhaps(0.3)) {
    const Milliseconds rest(1'000 * number(perhaps(0.2) ? 200'000 : 600));
    simulation_.time().sleep_for(rest, {});
  }
  if (perhaps(0.15)) change_clock();
  begin_step();
  if (perhaps(0.04)) lose_home();

  const std::size_t homes = simulation_.machine_count();
  std::vector<Running> running;
  running.push_back(begin(number(homes), false));
  if (perhaps(0.35)) {
    const std::size_t home = perhaps(0.5) ? running[0].home : number(homes);
    running.push_back(begin(home, home == running[0].home));
    for (Running& one : running) one.is_alone = false;
  }
  is_alone_ = running.size() == 1;
  const auto draining = draining_stores(*running[0].process);
  begin_step();
  if (perhaps(0.25)) plan_outage();
  run_together(running);
  take_in(running);
  check_step(running, draining);
}

// Starts the machine again where its process was killed.
Machine& Storm::ready(std::size_t home) {
  if (simulation_.machine(home).process().is_dead()) {
    tell(fmt::format("machine {} starts again", home));
    simulation_.restart(home);
  }
  Machine& one = simulation_.machine(home);
  one.reopen();
  return one;
}

std::shared_ptr<Storm::Job> Storm::any_job() {
  std::size_t draw = 0;
  for (const Kind& kind : kinds()) draw += kind.weight;
  draw = number(draw);
  auto kind = kinds().begin();
  for (; draw >= kind->weight; ++kind) draw -= kind->weight;
  return (this->*kind->make)();
}

Storm::Running Storm::begin(std::size_t home, bool as_another_process) {
  Running running;
  running.job = was_harmed_ && perhaps(0.4) ? repair() : any_job();
  running.home = home;
  running.process = as_another_process ? &simulation_.another_process(home) : &ready(home);
  if (as_another_process) running.process->reopen();
  running.who = fmt::format("machine {}{}", home, as_another_process ? "'" : "");
  running.may_be_killed = perhaps(0.25);
  if (running.may_be_killed)
    running.process->process().kill_at(1 + number(120), perhaps(0.5) ? Moment::before : Moment::after);
  return running;
}

// One after the other where there is one; else each in its own flow, and they overlap.
void Storm::run_together(std::vector<Running>& running) {
  if (running.size() == 1) return attempt(running.front());
  for (Running& one : running) {
    const Milliseconds later(&one == &running.front() ? 0 : number(3'000));
    simulation_.time().submit([this, &one, later] {
      simulation_.time().sleep_for(later, {});
      attempt(one);
      one.has_ended = true;
    });
  }
  std::condition_variable_any unused;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  simulation_.time().wait_until(unused, lock, {}, SteadyTime::max(), [&] {
    return std::all_of(running.begin(), running.end(), [](const Running& one) { return one.has_ended; });
  });
}

// Does it, perhaps until the process is killed. What a store is to blame for is excused.
void Storm::attempt(Running& running) {
  Process& process = running.process->process();
  const std::string told = fmt::format("{} {}", running.who, running.job->what);
  if (!running.is_alone) tell(told + " ...");
  try {
    running.job->work(*running.process);
    running.is_done = !process.is_dead();
    process.spare();
    tell(told + (running.is_done ? ": done" : ": killed"));
    if (running.is_done && running.job->check) running.job->check(*running.process);
  } catch (const Error& error) {
    process.spare();
    tell(told + ": " + (process.is_dead() ? "killed" : error.what()));
    if (process.is_dead()) return;
    require(error.kind != ErrorKind::internal, told + ": " + error.what());
    const bool must_be_done = is_calm() || (running.job->must_be_done && running.job->must_be_done());
    const bool is_excused = !must_be_done || !running.is_alone || !draining_.empty() || harmed_.size() > survive_ ||
                            (running.job->may_fail && running.job->may_fail(error));
    require(is_excused, "though the weather is good enough, " + told + ": " + error.what());
  } catch (const std::exception& error) {
    require(false, told + ": not excused: " + error.what());
  }
}

// What each name may have now.
void Storm::take_in(const std::vector<Running>& running) {
  std::map<std::string, Contents> certain;
  std::map<std::string, Contents> possible;
  for (const Running& one : running) {
    const auto& change = one.job->change;
    if (!change || !change->has_effect) continue;
    possible[change->name].insert(change->to);
    if (one.is_done && change->is_certain) certain[change->name].insert(change->to);
  }
  for (auto& [name, contents] : possible) {
    Contents& expected = expected_.try_emplace(name, Contents{std::nullopt}).first->second;
    if (certain.contains(name)) expected.clear();
    expected.merge(contents);
  }
}

}  // namespace modelfloat::test
