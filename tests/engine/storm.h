#pragma once
// One history of a pool in bad weather: several machines push, remove, check and repair, stores do
// whatever stores do, processes are killed. All of it follows from a seed.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/simulation.h"

namespace modelfloat::test {

// What a seed does, and what it has to come to:
// - each model whose push was reported as done comes back bit by bit, unless it was removed, while
//   no more failure domains have lost data than the pool was told to survive;
// - what a push that failed or was killed wanted to say is visible as a whole, or not at all;
// - once the stores are well again, `repair` brings all back to the promise, and any `survive`
//   domains may go.
class Storm {
 public:
  // Throws what the engine throws for a reason that the storm does not excuse.
  explicit Storm(std::uint64_t seed);
  // `steps`: how much happens. Returns what went wrong; empty when nothing did.
  std::string run(std::size_t steps);
  // What happened, in order.
  const std::vector<std::string>& story() const { return story_; }
  // Every call to a store, in order.
  const std::vector<std::string>& calls() const { return simulation_.history(); }

 private:
  using Contents = std::set<std::optional<Files>>;  // nullopt: there is none

  std::size_t number(std::size_t below) { return random_.number() % below; }
  bool perhaps(double part) { return random_.fraction() < part; }
  void tell(const std::string& text);
  std::string any_name();
  Files any_files();

  void step();
  void change_weather();
  bool may_harm(std::size_t store);
  void harm();
  template <typename Work>
  bool attempt(const std::string& what, std::size_t machine, const Work& work);
  void push(std::size_t machine);
  void remove(std::size_t machine);
  void look(std::size_t machine);
  void repair(std::size_t machine);
  void verify(std::size_t machine);
  void drain(std::size_t machine);

  void calm();
  void require(bool holds, const std::string& what);
  void check_all(Machine& machine, const std::string& when);
  Machine& ready(std::size_t machine);

  FixedRandom random_;
  std::size_t stores_;
  unsigned survive_;
  Simulation simulation_;
  // What each name, NAME:TAG, may have by now; one thing unless a push or removal had an unknown
  // end.
  std::map<std::string, Contents> expected_;
  std::set<std::size_t> harmed_;  // stores that have lost data since all was whole
  std::map<std::size_t, std::map<std::string, Bytes>> snapshots_;
  std::set<std::string> draining_;
  std::vector<std::string> story_;
  std::string failure_;
};

}  // namespace modelfloat::test
