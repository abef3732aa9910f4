#pragma once
// A process of a simulated machine, which may be killed.

#include <cstdint>
#include <functional>
#include <memory>

#include "support/faulty_store.h"

namespace modelfloat::test {

// Once it is dead, every call of it to a store ends in Error{offline}. What it writes to its
// registry from there on must count for nothing: who makes it does that in `on_death`.
class Process {
 public:
  explicit Process(std::function<void()> on_death = {}) : on_death_(std::move(on_death)) {}
  // Kills it at the moment with this number, counted from now and from 1. Moments are the calls to
  // stores, before or after they have had their effect, and the commits to the registry.
  void kill_at(std::uint64_t moment, Moment of_a_call);
  void spare() { moments_left_ = 0; }
  bool is_dead() const noexcept { return is_dead_; }

  // To be called at each moment. Returns whether it is dead.
  bool dies_now(Moment of_a_call);
  bool dies_at_a_commit() { return dies_now(of_a_call_); }

 private:
  std::function<void()> on_death_;
  std::uint64_t moments_left_ = 0;
  Moment of_a_call_ = Moment::before;
  bool is_dead_ = false;
};

// The handle of a process on a store.
std::unique_ptr<store::Store> make_mortal(std::unique_ptr<store::Store> inner, std::shared_ptr<Process> process);

}  // namespace modelfloat::test
