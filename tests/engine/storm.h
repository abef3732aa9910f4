#pragma once
// One history of a pool in bad weather: several machines push, remove, check and repair, two at
// once now and then, stores do whatever stores do, clocks jump, processes are killed. All of it
// follows from a seed. docs/storm.md says how to add to it.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/simulation.h"

#include "modelfloat/engine/upkeep/repair.h"

namespace modelfloat::test {

// What a seed does, and what it has to come to:
// - a model whose push was reported as done comes back bit by bit, unless it was removed, while no
//   more failure domains have lost data than the pool was told to survive;
// - what a push that failed or was killed wanted to say is visible as a whole, or not at all, and
//   nobody ever sees what nobody pushed;
// - what a job reports is so: storm_claims.cpp has what is looked at on the stores themselves;
// - once the stores are well again, `repair` brings all back to the promise in bounded time; then
//   any `survive` domains may go, and all machines see the same.
class Storm {
 public:
  static constexpr std::size_t k_steps = 14;  // a usual history

  explicit Storm(std::uint64_t seed);
  ~Storm();
  // Does these steps of the history, by their numbers, and lets the weather calm down. What a step
  // does follows from the seed and its number, and not from the other steps. Returns what went
  // wrong; empty when nothing did.
  std::string run(const std::vector<std::size_t>& steps);
  // What happened, in order.
  const std::vector<std::string>& story() const { return story_; }
  // Every call to a store, in order.
  const std::vector<std::string>& calls() const { return simulation_.history(); }

 private:
  using Contents = std::set<std::optional<Files>>;  // nullopt: there is none

  // What a job makes of a name, NAME:TAG.
  struct NameChange {
    std::string name;
    std::optional<Files> to;
    bool is_certain = false;  // when the job is done: nothing that was there before is left
    bool has_effect = true;
  };
  // Something that a machine does.
  struct Job {
    std::string what;  // for the story
    // Does it on a process. Throws what the engine throws.
    std::function<void(Machine&)> work;
    // May be filled by `work`.
    std::optional<NameChange> change = {};
    // Looks, right after `work`, whether what it reported is so.
    std::function<void(Machine&)> check = {};
    // Whether an error is a right answer in good weather.
    std::function<bool(const Error&)> may_fail = {};
    // Whether it has to be done in this weather, too. In good weather each job has to.
    std::function<bool()> must_be_done = {};
  };
  using MakeJob = std::shared_ptr<Job> (Storm::*)();
  struct Kind {
    unsigned weight;
    MakeJob make;
  };
  static const std::vector<Kind>& kinds();
  struct Running {
    std::shared_ptr<Job> job;
    std::size_t home = 0;
    Machine* process = nullptr;
    std::string who;
    bool is_alone = true;
    bool may_be_killed = false;
    bool is_done = false;
    bool has_ended = false;
  };

  // storm.cpp
  std::size_t number(std::size_t below) { return random_->number() % below; }
  bool perhaps(double part) { return random_->fraction() < part; }
  void tell(const std::string& text);
  void require(bool holds, const std::string& what);
  void make_pool();
  void step(std::size_t index);
  PolicySet any_policy();
  std::shared_ptr<Job> any_job();
  Running begin(std::size_t home, bool as_another_process);
  void run_together(std::vector<Running>& running);
  void attempt(Running& running);
  void take_in(const std::vector<Running>& running);
  Machine& ready(std::size_t home);

  // storm_weather.cpp
  void change_weather();
  void begin_outage();
  void plan_outage();
  void end_outage();
  void lose_home();
  bool lies(std::size_t store);
  bool may_harm(std::size_t store);
  void harm();
  void rot_some(std::size_t store);
  void lose_some(std::size_t store, double part);
  void change_clock();
  bool is_gone(std::size_t store);
  void begin_step();
  void is_unwell(std::size_t store);
  // Whether no call to it in this step was answered: what it has counts for nobody.
  bool was_gone(std::size_t store) { return gone_before_.contains(store) && is_gone(store); }
  // During the whole step.
  bool is_calm() const { return unwell_in_step_.empty(); }
  // Whether who reads in this step has to see all that is committed: nothing else runs, no store has
  // lost anything or lies, and no more than promised do not answer.
  bool readers_see_all();

  // storm_jobs.cpp: one function for each job
  std::shared_ptr<Job> push();
  std::shared_ptr<Job> remove();
  std::shared_ptr<Job> look();
  std::shared_ptr<Job> read_log();
  std::shared_ptr<Job> repair();
  std::shared_ptr<Job> verify();
  std::shared_ptr<Job> drain();
  std::shared_ptr<Job> take_out();
  std::shared_ptr<Job> add_again();
  std::size_t store_to_drain();
  std::size_t least_stores() const { return stores_ - out_.size(); }  // of the pool
  std::shared_ptr<Job> rebalance();
  std::shared_ptr<Job> write_many_records();
  std::string any_name();
  Files any_files();

  // storm_claims.cpp
  using Has = std::function<bool(std::size_t store, const ObjectName&)>;
  std::optional<std::vector<Pack>> packs_of(Machine& machine, const std::optional<ManifestId>& only);
  bool survives(const Pack& pack, const Has& has);
  void check_packs(Machine& machine, const std::optional<ManifestId>& only, const Has& has, const std::string& claim);
  void check_order_of_records(Machine& machine, bool is_in_doubt);
  std::vector<ObjectName> own_records(Machine& machine);
  void check_newest_record(Machine& machine, const std::string& claim);
  std::size_t stores_that_gave_their_log(std::size_t first_call, std::size_t last_call);
  void check_unrepairable(Machine& machine, const std::vector<engine::Unrepairable>& unrepairable);
  void check_found_damage(Machine& machine, const std::vector<transfer::Finding>& damaged);
  // What a store no longer lists to a machine, by the store's name.
  using Vanished = std::map<std::string, std::vector<std::string>>;
  Vanished vanished_records(Machine& machine);
  void check_vanished(Machine& machine, const Vanished& vanished, const engine::Freshness& read);
  void check_journal(Machine& machine, std::size_t home);
  void check_promise();
  void check_removed(Machine& machine);
  void check_drained(Machine& machine, std::size_t leaving);
  void check_push(Machine& machine, const engine::PushResult& result);
  void check_step(std::vector<Running>& running, const std::set<std::size_t>& draining);
  std::set<std::size_t> draining_stores(Machine& machine);
  void check_log();
  void check_chains(Machine& machine);
  void check_rollbacks_are_noticed(std::size_t home);
  void check_all(Machine& machine, const std::string& when, bool is_final = true);
  void check_checkpoints();
  bool is_lost_with_home(const std::string& text);
  void calm();

  const std::uint64_t seed_;
  std::optional<FixedRandom> random_;  // of the step
  std::size_t stores_;
  unsigned survive_;
  Simulation simulation_;
  // What each name, NAME:TAG, may have by now; one thing unless a push or removal had an unknown
  // end.
  std::map<std::string, Contents> expected_;
  std::map<std::string, std::set<Files>> pushed_;  // all that anybody ever began to push
  std::set<std::size_t> harmed_;                   // stores that have lost data since all was whole
  std::set<std::size_t> unwell_;                   // stores that do not behave
  std::map<std::size_t, std::map<std::string, Bytes>> snapshots_;
  std::set<std::size_t> outage_;  // stores with the same trouble
  std::set<std::size_t> unwell_in_step_;
  std::set<std::size_t> gone_before_;  // when the step began
  bool is_home_lost_ = false;          // of any machine
  bool was_harmed_ = false;            // in this step
  std::set<std::string> draining_;
  std::set<std::size_t> out_;  // stores that may be out of the pool: at most one
  std::string recovery_code_;
  std::map<std::size_t, WriterId> writers_;  // of each home
  std::size_t calls_before_ = 0;             // the step
  bool is_alone_ = true;                     // the job of this step
  std::vector<std::string> story_;
  std::string failure_;
  std::shared_ptr<char> lives_ = std::make_shared<char>();  // what outlives this looks at it
};

}  // namespace modelfloat::test
