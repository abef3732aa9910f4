#include "modelfloat/transfer/ask/hedge.h"

namespace modelfloat::transfer {

// How many times later than late a call is when even scarce downloads are spent on it.
static constexpr double k_hopeless = 4;

SteadyTime HedgeTimer::at(double seconds) const {
  return begin_ + std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
}

bool HedgeTimer::advance(SteadyTime now) {
  const Lateness before = lateness_;
  if (now >= at(late_after_)) lateness_ = Lateness::late;
  if (now >= at(late_after_ * k_hopeless)) lateness_ = Lateness::hopeless;
  return lateness_ != before;
}

SteadyTime HedgeTimer::next() const {
  switch (lateness_) {
    case Lateness::none: return at(late_after_);
    case Lateness::late: return at(late_after_ * k_hopeless);
    case Lateness::hopeless: break;
  }
  return SteadyTime::max();
}

Rank rank_of(const PoolStore& store, std::uint64_t bytes) {
  return {store.state->latency.is_slow(), store.downloads_are_scarce, store.state->latency.usual_seconds(bytes)};
}

bool may_be_asked(const PoolStore& store, bool is_hedge, Lateness lateness) {
  if (!store.is_online() || store.state->reads_are_paused()) return false;
  return !is_hedge || !store.downloads_are_scarce || lateness == Lateness::hopeless;
}

}  // namespace modelfloat::transfer
