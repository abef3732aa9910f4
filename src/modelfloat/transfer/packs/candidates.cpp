#include "modelfloat/transfer/packs/candidates.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/transfer/ask/gather.h"
#include "modelfloat/transfer/ask/straggler_timeout.h"

namespace modelfloat::transfer {

static std::uint64_t free_bytes_of(store::Store& store, std::uint64_t capacity_bytes, const CallOptions& call) {
  const std::uint64_t free_bytes = store.space(call).free_bytes.value_or(UINT64_MAX);
  if (capacity_bytes == 0) return free_bytes;
  std::uint64_t ours = 0;
  store.list("mf1/", [&](const store::ObjectInfo& info) { ours += info.size_bytes; }, call);
  return std::min(free_bytes, capacity_bytes > ours ? capacity_bytes - ours : 0);
}

Targets ask_targets(const StoreSet& stores, const CallOptions& call) {
  std::vector<const PoolStore*> targets = stores.all();
  std::erase_if(targets, [](const PoolStore* one) { return one->use == StoreUse::in_use && !one->is_online(); });
  std::vector<placement::Candidate> candidates;
  bool lists = false;  // some stores must list all their objects, which may take long
  // The tag is the index of the candidate.
  Race<std::uint64_t, std::size_t> race(stores.clock(), CallKind::put, call);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const PoolStore& target = *targets[i];
    candidates.push_back({i, target.domain, 0});
    if (target.use != StoreUse::in_use) continue;
    if (target.state->puts_are_paused()) {
      log_warning(target.name + " takes no new data: it asks to be left alone for a while");
      continue;
    }
    if (const auto refused = target.state->puts_refused()) {
      log_warning(fmt::format("{} takes no new data: {}", target.name, refused->what()));
      continue;
    }
    lists = lists || target.capacity_bytes != 0;
    race.ask(target, stores.timeouts().listing, i,
             [capacity = target.capacity_bytes](store::Store& store, const CallOptions& options) {
               return free_bytes_of(store, capacity, options);
             });
  }
  const SteadyTime begin = stores.clock().steady_now();
  const auto rule = [&](const std::vector<const PoolStore*>& awaited) {
    return begin + (lists ? stores.timeouts().listing : timeout_for(stores, awaited));
  };
  const auto stragglers = gather(race, rule, [&](const auto& answer) {
    if (answer.error) {
      log_warning(fmt::format("{} takes no new data: {}", answer.store->name, answer.error->what()));
    } else {
      candidates[answer.tag].free_bytes = *answer.value;
    }
  });
  for (const auto& late : stragglers)
    log_warning(fmt::format("{} takes no new data: it does not answer", late.store->name));
  return {std::move(targets), std::move(candidates)};
}

placement::Placed placed_on(const Targets& targets, const StoreId& store, const std::string& domain) {
  const auto same = std::find_if(targets.stores.begin(), targets.stores.end(),
                                 [&](const PoolStore* one) { return one->id == store; });
  return {static_cast<std::size_t>(same - targets.stores.begin()), domain};
}

}  // namespace modelfloat::transfer
