#pragma once
// A pool in virtual time: its stores take time, hang, fail and go away as they are told, and a run
// of it is the same for the same seed.

#include <memory>
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
};

class Simulation {
 public:
  Simulation(std::size_t stores, std::uint64_t seed);

  VirtualTime& time() { return time_; }
  Machine& machine() { return machine_; }
  Behaviour& store(std::size_t index) { return behaviours_.at(index); }
  // Runs it and says how many seconds it took, in virtual time.
  double seconds(const std::function<void()>& work);
  // Every call so far: when, where, what of which object, and what came of it.
  const std::vector<std::string>& history() const { return history_; }

 private:
  class TimedStore;

  FixedRandom random_;
  std::vector<Behaviour> behaviours_;
  std::vector<std::string> history_;
  World world_;
  VirtualTime time_;  // before it goes, every call comes to its end
  Machine machine_;
};

}  // namespace modelfloat::test
