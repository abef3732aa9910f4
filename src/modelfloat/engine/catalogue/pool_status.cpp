#include "modelfloat/engine/catalogue/pool_status.h"

#include <map>
#include <set>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/ask/straggler_timeout.h"

namespace modelfloat::engine {
namespace {

struct SpaceAnswer {
  std::optional<store::Space> space;
  std::string trouble;  // why it is not online
};

// Of each store; all are asked at once, and who is far behind the others does not answer.
std::vector<SpaceAnswer> spaces_of(Pool& pool, const std::vector<const transfer::PoolStore*>& stores,
                                   const CallOptions& call) {
  using SpaceRace = transfer::Race<store::Space>;
  std::vector<SpaceAnswer> answers(stores.size());
  std::map<std::size_t, std::size_t> asked;  // by id of the call, the place of the store
  SpaceRace race(pool.stores().clock(), SpaceRace::Kind::read, call);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    answers[i].trouble = stores[i]->state->why_not_online();
    if (!answers[i].trouble.empty()) continue;
    answers[i].trouble = "does not answer";
    const auto ask = [](store::Store& store, const CallOptions& options) { return store.space(options); };
    asked[race.ask(*stores[i], pool.stores().timeouts().call_floor, ask)] = i;
  }
  const SteadyTime begin = pool.stores().clock().steady_now();
  const auto limit = [&] {
    std::vector<const transfer::PoolStore*> awaited;
    for (const auto& [call_id, place] : asked) {
      if (race.is_under_way(call_id)) awaited.push_back(stores[place]);
    }
    return begin + transfer::timeout_for(pool.stores(), awaited);
  };
  while (auto answer = race.next(limit())) {
    SpaceAnswer& one = answers[asked.at(answer->id)];
    try {
      one.space = answer->get();
      one.trouble.clear();
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      one.trouble = error.what();
    }
  }
  for (const auto& [call_id, place] : asked) {
    if (race.is_under_way(call_id)) stores[place]->state->latency.mark_slow();
  }
  return answers;
}

}  // namespace

PoolStatus pool_status(Pool& pool, const CallOptions& call) {
  PoolStatus status;
  status.pool_id = to_hex(pool.keys().pool_id());
  if (const auto writer = Settings(pool.registry()).writer()) status.writer = to_hex(*writer);
  std::map<StoreId, std::uint64_t> queued;
  for (const auto& put : pool.registry().queued_puts()) ++queued[put.store];
  std::set<std::string> domains;
  std::set<std::string> online;
  pool.stores().wait_until_decided(call);
  const auto stores = pool.stores().all();
  auto spaces = spaces_of(pool, stores, call);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    const transfer::PoolStore& store = *stores[i];
    if (auto& space = spaces[i].space; space && !space->used_bytes)
      space->used_bytes = pool.registry().shard_bytes(store.id);
    StoreStatus one{store.name,
                    store.url,
                    store.domain,
                    store.id,
                    spaces[i].trouble.empty(),
                    spaces[i].trouble,
                    spaces[i].space,
                    store.capacity_bytes,
                    pool.registry().shard_count(store.id),
                    queued[store.id]};
    domains.insert(store.domain);
    if (one.online) online.insert(store.domain);
    status.stores.push_back(std::move(one));
  }
  status.models = model_names(pool).size();
  status.domains = domains.size();
  status.domains_online = online.size();
  return status;
}

}  // namespace modelfloat::engine
