#include "modelfloat/transfer/packs/candidates.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/transfer/ask/race.h"
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
  const std::vector<const PoolStore*> targets = stores.online();
  std::vector<placement::Candidate> candidates;
  std::vector<std::size_t> asked;  // by id of the call, the index of the candidate
  bool lists = false;              // some have to list all that they have, which may take long
  Race<std::uint64_t> race(stores.clock(), Race<std::uint64_t>::Kind::put, call);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const PoolStore& target = *targets[i];
    candidates.push_back({i, target.domain, 0, 1.0});
    if (target.state->puts_are_paused()) {
      log_warning(target.name + " takes no new data: it asks to be left alone for a while");
      continue;
    }
    if (const auto refused = target.state->puts_refused()) {
      log_warning(fmt::format("{} takes no new data: {}", target.name, refused->what()));
      continue;
    }
    lists = lists || target.capacity_bytes != 0;
    race.ask(target, stores.timeouts().listing,
             [capacity = target.capacity_bytes](store::Store& store, const CallOptions& options) {
               return free_bytes_of(store, capacity, options);
             });
    asked.push_back(i);
  }
  const SteadyTime begin = stores.clock().steady_now();
  const auto limit = [&] {
    std::vector<const PoolStore*> awaited;
    for (std::size_t id = 0; id < asked.size(); ++id) {
      if (race.is_under_way(id)) awaited.push_back(targets[asked[id]]);
    }
    return begin + (lists ? stores.timeouts().listing : timeout_for(stores, awaited));
  };
  while (auto answer = race.next(limit())) {
    placement::Candidate& candidate = candidates[asked[answer->id]];
    try {
      candidate.free_bytes = answer->get();
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_warning(fmt::format("{} takes no new data: {}", targets[candidate.store]->name, error.what()));
    }
  }
  for (std::size_t id = 0; id < asked.size(); ++id) {
    if (!race.is_under_way(id)) continue;
    targets[asked[id]]->state->latency.mark_slow();
    log_warning(fmt::format("{} takes no new data: it does not answer", targets[asked[id]]->name));
  }
  return {targets, std::move(candidates)};
}

}  // namespace modelfloat::transfer
