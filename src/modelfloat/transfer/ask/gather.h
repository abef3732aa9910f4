#pragma once
// Collects the answers of stores that were all asked at once, except those of stragglers.

#include <functional>
#include <vector>

#include "modelfloat/transfer/ask/race.h"

namespace modelfloat::transfer {

// Returns until when to wait for the stores in `awaited`, which have not answered yet. Called again
// after each answer, on the calling thread.
using StragglerRule = std::function<SteadyTime(const std::vector<const PoolStore*>& awaited)>;

// Passes each answer (an Answer&&) to `handle` as it comes, on the calling thread, until every call
// of the race has answered or the time of `rule` has passed. Then cancels the remaining calls,
// marks their stores as slow and returns those calls. Throws what Race::next() and `handle` throw.
template <typename T, typename Tag, typename Handle>
auto gather(Race<T, Tag>& race, const StragglerRule& rule, const Handle& handle) {
  while (auto answer = race.next(rule(race.awaited()))) handle(*std::move(answer));
  auto stragglers = race.cancel_all();
  for (const auto& call : stragglers) call.store->state->latency.mark_slow();
  return stragglers;
}

}  // namespace modelfloat::transfer
