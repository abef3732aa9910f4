#pragma once
// When a call that has not been answered gets company, and by whom.

#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// How long a call has been out, compared with what its store usually takes.
enum class Lateness {
  none,      // it may well be answered
  late,      // another copy is asked too, unless only stores are left whose downloads are scarce
  hopeless,  // then these as well
};

// Follows one call, made at `begin`.
class HedgeTimer {
 public:
  // `late_after_seconds`: see LatencyTracker::late_after.
  HedgeTimer(SteadyTime begin, double late_after_seconds) : begin_(begin), late_after_(late_after_seconds) {}

  // The bound may be lowered when others have answered a call of this kind.
  void bound(double late_after_seconds) { late_after_ = std::min(late_after_, late_after_seconds); }
  // Looks at the clock; true when the call has just become later than it was.
  bool advance(SteadyTime now);
  Lateness lateness() const noexcept { return lateness_; }
  // When it is worth to look at the clock again.
  SteadyTime next() const;

 private:
  SteadyTime at(double seconds) const;

  SteadyTime begin_;
  double late_after_;
  Lateness lateness_ = Lateness::none;
};

// How good a store is to read so many bytes from: the lower the better.
struct Rank {
  bool is_slow = false;  // late or wrong lately
  bool scarce = false;   // its downloads are
  double seconds = 0;    // that it usually takes
  auto operator<=>(const Rank&) const = default;
};
Rank rank_of(const PoolStore& store, std::uint64_t bytes);

// Whether a read may go there now, as company for calls that are at least so late (`none`: it is
// the first one).
bool may_be_asked(const PoolStore& store, bool is_hedge, Lateness lateness);

}  // namespace modelfloat::transfer
