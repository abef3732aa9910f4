#include "modelfloat/engine/catalogue/pool_status.h"

#include <map>
#include <set>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/transfer/ask/gather.h"
#include "modelfloat/transfer/ask/straggler_timeout.h"

namespace modelfloat::engine {
namespace {

struct SpaceAnswer {
  std::optional<store::Space> space;
  std::string trouble;  // why the store is not online; else empty
};

// Asks all stores in parallel for their space. A straggler counts as not answering.
std::vector<SpaceAnswer> spaces_of(Pool& pool, const std::vector<const transfer::PoolStore*>& stores,
                                   const CallOptions& call) {
  std::vector<SpaceAnswer> answers(stores.size());
  transfer::Race<store::Space, std::size_t> race(pool.stores().clock(), transfer::CallKind::read, call);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    answers[i].trouble = stores[i]->state->why_not_online();
    if (!answers[i].trouble.empty()) continue;
    answers[i].trouble = "does not answer";
    race.ask(*stores[i], pool.stores().timeouts().call_floor, i,
             [](store::Store& store, const CallOptions& options) { return store.space(options); });
  }
  const SteadyTime begin = pool.stores().clock().steady_now();
  const auto rule = [&](const std::vector<const transfer::PoolStore*>& awaited) {
    return begin + transfer::timeout_for(pool.stores(), awaited);
  };
  transfer::gather(race, rule, [&](const auto& answer) {
    answers[answer.tag] = {answer.value, answer.error ? answer.error->what() : ""};
  });
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
  catch_up(pool, {.decided = MarkerWait::full}, call);
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
                    queued[store.id],
                    store.use};
    domains.insert(store.domain);
    if (one.online) online.insert(store.domain);
    status.stores.push_back(std::move(one));
  }
  status.models = model_names(pool).size();
  status.read_only = pool.log().why_read_only();
  status.domains = domains.size();
  status.domains_online = online.size();
  return status;
}

}  // namespace modelfloat::engine
