#pragma once
// A pool in virtual time: its stores take time, hang, fail and go away as they are told, and a run
// of it is the same for the same seed.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/test_pool.h"
#include "support/virtual_time.h"

namespace modelfloat::test {

// How a store behaves. May be changed while calls are under way.
struct Behaviour {
  Milliseconds latency{20};                      // of a call, half to one and a half times of it
  std::uint64_t bytes_per_second = 100'000'000;  // of each transfer
  // Calls end when they are told to stop, or by their deadline.
  bool hangs = false;
  bool hangs_at_a_shard = false;  // from the next put of one on
  // Those that hang don't hear that either, for an hour.
  bool is_deaf = false;
  bool is_away = false;  // calls end in Error{offline}
  // Until then calls ask to be tried again, in Error{transient}.
  SteadyTime busy_until{};
  // Or in Error{rate_limited}, with the rest of the time.
  bool says_until_when = false;
  // The part of the calls that end in Error{transient}, half of them after they took effect.
  double fails = 0;
  // The part of the puts that report success and store nothing, and of the gets that return a wrong
  // bit.
  double loses_puts = 0;
  double flips = 0;
  double spoils_puts = 0;  // the part of the puts of shards that store a wrong bit
  // Puts that end in Error{denied}: of records of the log, or all.
  enum class Refuses { nothing, log, all } refuses = Refuses::nothing;
  // The part of the lists that end in Error{transient} after half of the objects.
  double breaks_lists = 0;
  // What list() shows: all; nothing; every second object; every object twice; what was there when
  // this was set (Simulation::list_as_of_now()).
  enum class Lists { right, empty, half, twice, stale } lists = Lists::right;
  Milliseconds lists_late{0};       // objects are not listed for so long after their put
  std::uint64_t room = UINT64_MAX;  // bytes that may still be put

  // Whether it does what a store should do.
  bool is_well() const {
    Behaviour good;
    good.latency = latency;
    return *this == good;
  }
  bool operator==(const Behaviour&) const = default;
};

// The clock of a machine: the time of day may be wrong, and jump.
class MachineClock final : public Clock {
 public:
  explicit MachineClock(Clock& right) : right_(right) {}
  UtcTime utc_now() const override { return right_.utc_now() + ahead_; }
  SteadyTime steady_now() const override { return right_.steady_now(); }
  void sleep_for(Milliseconds duration, const std::stop_token& stop) override { right_.sleep_for(duration, stop); }
  bool wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                  SteadyTime until, const std::function<bool()>& done) override {
    return right_.wait_until(changed, lock, stop, until, done);
  }
  void jump(Milliseconds by) { ahead_ += by; }

 private:
  Clock& right_;
  Milliseconds ahead_{0};
};

class Simulation {
 public:
  Simulation(std::size_t stores, std::uint64_t seed);
  ~Simulation();

  VirtualTime& time() { return time_; }
  Machine& machine(std::size_t index = 0) { return *machines_.at(index); }
  std::size_t machine_count() const noexcept { return machines_.size(); }
  // One more machine, which has no pool yet.
  Machine& add_machine();
  // Starts the machine again whose process was killed.
  Machine& restart(std::size_t index);
  // The machine is gone with its home, and another one in its place, which has recovered the pool.
  // Where that throws, the old one stays.
  Machine& replace(std::size_t index, const mf1::SlotSecret& secret, const std::vector<std::size_t>& stores);
  // A machine that is none of those above.
  Machine& visitor();
  // One more process in the home of a machine, for as long as the simulation.
  Machine& another_process(std::size_t index);
  MachineClock& clock(std::size_t index) { return *clocks_.at(index); }
  Behaviour& store(std::size_t index) { return behaviours_.at(index); }
  World& world() { return world_; }
  // The objects of a store, to be brought back by roll_back().
  std::map<std::string, Bytes> snapshot(std::size_t store) { return world_.objects(store); }
  void roll_back(std::size_t store, const std::map<std::string, Bytes>& snapshot);
  // Takes back the last puts of a store, as when it lost power before it wrote them to its disk.
  void lose_last_puts(std::size_t store, std::size_t count);
  // From now on it lists what it has now.
  void list_as_of_now(std::size_t store);
  // Runs it and says how many seconds it took, in virtual time.
  double seconds(const std::function<void()>& work);
  // Does it before the call with this number, counted from now and from 1; unless the step ends
  // first.
  void before_call(std::uint64_t call, std::function<void()> work);
  // Every call so far: when, where, what of which object, and what came of it.
  const std::vector<std::string>& history() const { return history_; }

  // What no machine may do, whatever happens: put an object whose bytes do not fit its name, and
  // remove one that is not of the log.
  const std::vector<std::string>& offences() const { return offences_; }
  // Since begin_step():
  void begin_step();
  const std::vector<ObjectName>& removed() const { return removed_; }
  std::size_t shards_put(std::size_t store) const { return shards_put_.at(store); }
  // Records of the log that any store took.
  const std::set<ObjectName>& records_put() const { return records_put_; }
  const std::set<std::pair<std::size_t, ObjectName>>& spoiled() const { return spoiled_; }
  bool was_spoiled(std::size_t store, const ObjectName& name) const { return spoiled_.contains({store, name}); }

  // What a store has, whatever it says.
  bool has(std::size_t store, const ObjectName& name) { return world_.inner(store).stat(name, {}).has_value(); }
  bool has_good(std::size_t store, const ObjectName& name);
  // What a store lists now below a folder, whatever it has.
  std::set<std::string> shown(std::size_t store, std::string_view folder);
  // Whether it was taken from the store by roll_back() or lose_last_puts().
  bool was_lost(std::size_t store, const ObjectName& name) const { return lost_.contains({store, name}); }
  // Changes a bit of an object.
  void rot(std::size_t store, const ObjectName& name);

 private:
  class TimedStore;

  void begin_call();
  bool shows(std::size_t store, std::size_t place, const ObjectName& name) const;

  struct Put {
    ObjectName name;
    SteadyTime time;
  };

  FixedRandom random_;
  std::vector<Behaviour> behaviours_;
  std::vector<std::vector<Put>> puts_;  // of each store
  std::vector<std::set<ObjectName>> stale_;
  std::vector<std::string> history_;
  std::vector<std::string> offences_;
  std::vector<ObjectName> removed_;
  std::vector<std::size_t> shards_put_;  // of each store
  std::set<std::pair<std::size_t, ObjectName>> spoiled_;
  std::set<ObjectName> records_put_;
  std::set<std::pair<std::size_t, ObjectName>> lost_;
  std::multimap<std::uint64_t, std::function<void()>> before_calls_;  // by the number of the call
  std::uint64_t calls_ = 0;
  World world_;
  std::vector<std::unique_ptr<MachineClock>> clocks_;  // of each machine
  VirtualTime time_;                                   // before it goes, every call comes to its end
  std::uint64_t machines_made_ = 0;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Machine>> retired_;  // other processes
};

}  // namespace modelfloat::test
