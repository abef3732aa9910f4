#pragma once
// The answers of stores that were all asked at once, without those that come too late.

#include <functional>
#include <vector>

#include "modelfloat/transfer/ask/race.h"

namespace modelfloat::transfer {

// Until when the stores that have not answered yet are waited for. Asked again after each answer,
// on the calling thread.
using StragglerRule = std::function<SteadyTime(const std::vector<const PoolStore*>& awaited)>;

// Gives each answer to `handle` as it comes (an Answer&&, on the calling thread), until there is
// one of every call of the race, or the rule says that it is time. The calls that are left then are
// stopped, their stores are marked as slow, and they are returned. Throws what Race::next() and
// `handle` throw.
template <typename T, typename Tag, typename Handle>
auto gather(Race<T, Tag>& race, const StragglerRule& rule, const Handle& handle) {
  while (auto answer = race.next(rule(race.awaited()))) handle(*std::move(answer));
  auto stragglers = race.cancel_all();
  for (const auto& call : stragglers) call.store->state->latency.mark_slow();
  return stragglers;
}

}  // namespace modelfloat::transfer
