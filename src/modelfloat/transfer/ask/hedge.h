#pragma once
// Hedged reads: when a late read is asked of another store too, and of which one.

#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// How late a call is, compared with what its store usually takes.
enum class Lateness {
  none,      // not late
  late,      // another copy is asked too, unless only stores are left whose downloads are scarce
  hopeless,  // stores with scarce downloads are asked as well
};

// Tracks the lateness of one call, made at `begin`. Used by one thread.
class HedgeTimer {
 public:
  // `late_after_seconds`: see LatencyTracker::late_after.
  HedgeTimer(SteadyTime begin, double late_after_seconds) : begin_(begin), late_after_(late_after_seconds) {}

  // Lowers the time after which the call is late, because others have answered a call of this kind.
  // Never raises it.
  void bound(double late_after_seconds) { late_after_ = std::min(late_after_, late_after_seconds); }
  // Updates lateness(). Returns true when it has changed.
  bool advance(SteadyTime now);
  Lateness lateness() const noexcept { return lateness_; }
  // When lateness() will change next. SteadyTime::max() when it will not.
  SteadyTime next() const;

 private:
  SteadyTime at(double seconds) const;

  SteadyTime begin_;
  double late_after_;
  Lateness lateness_ = Lateness::none;
};

// How good a store is as a source for this many bytes. Lower is better.
struct Rank {
  bool is_slow = false;  // was late or wrong lately
  bool scarce = false;   // its downloads are scarce
  double seconds = 0;    // usual time of such an answer
  auto operator<=>(const Rank&) const = default;
};
Rank rank_of(const PoolStore& store, std::uint64_t bytes);

// Whether the store may be asked for a read now. False when it is offline or paused. With
// `is_hedge` the read is an additional one for calls of this `lateness`; then stores with scarce
// downloads may be asked only when it is `hopeless`.
bool may_be_asked(const PoolStore& store, bool is_hedge, Lateness lateness);

}  // namespace modelfloat::transfer
