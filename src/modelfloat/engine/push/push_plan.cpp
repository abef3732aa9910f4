#include "modelfloat/engine/push/push_plan.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::engine {
namespace {

using transfer::PoolStore;

// A store that gets no shard, and the reason.
struct Unusable {
  const PoolStore* store = nullptr;
  ErrorKind kind = ErrorKind::out_of_space;
  std::string why;
};

// A store with less free space gets no shards.
constexpr std::uint64_t k_smallest_shard_bytes = std::uint64_t{4} << 20;

bool may_be_back(ErrorKind kind) { return kind == ErrorKind::offline || worth_retrying(kind); }

// A store that is not online, with kind `denied` when it refused access, else `offline`.
Unusable away(const PoolStore& store) {
  const bool denied = store.state->kind_of_trouble() == ErrorKind::denied;
  return {&store, denied ? ErrorKind::denied : ErrorKind::offline, store.state->why_not_online()};
}

// A store that is online but has no room for shards.
Unusable without_room(const PoolStore& store, const std::optional<Error>& error) {
  if (error) return {&store, error->kind, error->what()};
  return {&store, ErrorKind::out_of_space, "has no room"};
}

std::vector<Unusable> unusable_stores(const Pool& pool, const transfer::StoresLeft& left) {
  std::vector<Unusable> stores;
  const auto& targets = left.targets.stores;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (left.targets.candidates[i].free_bytes >= k_smallest_shard_bytes) continue;
    const auto failed = left.failed.find(i);
    const auto error = failed == left.failed.end() ? targets[i]->state->put_trouble() : std::optional(failed->second);
    stores.push_back(without_room(*targets[i], error));
  }
  for (const PoolStore* store : pool.stores().all()) {
    if (!store->is_online() && std::find(targets.begin(), targets.end(), store) == targets.end())
      stores.push_back(away(*store));
  }
  const Clock& clock = pool.environment().clock;
  for (Unusable& one : stores) {
    if (one.store->use != StoreUse::in_use) continue;  // it stays unusable when the pause is over
    const auto availability = one.store->state->availability(transfer::CallKind::put);
    if (!availability.not_before || !availability.asked_by_store) continue;
    one.kind = ErrorKind::rate_limited;
    const auto rest = std::chrono::ceil<Milliseconds>(*availability.not_before - clock.steady_now());
    one.why += "; it asks to be left alone until " + to_rfc3339(clock.utc_now() + rest);
  }
  return stores;
}

Pool::Promise valid_promise(const Pool& pool, std::optional<Redundancy> asked,
                            const std::vector<placement::Candidate>& candidates) {
  const auto promise = pool.promise(asked, candidates);
  placement::place(candidates, promise.redundancy, promise.survive, 1, 0.5);
  return promise;
}

bool would_do(const Pool& pool, std::optional<Redundancy> asked, const transfer::StoresLeft& left,
              const std::vector<Unusable>& unusable, const std::function<bool(ErrorKind)>& with) {
  auto candidates = left.targets.candidates;
  for (const Unusable& one : unusable) {
    if (with(one.kind)) candidates.push_back({candidates.size(), one.store->domain});
  }
  try {
    valid_promise(pool, asked, candidates);
    return true;
  } catch (const Error& error) {
    if (error.kind != ErrorKind::out_of_space) throw;
    return false;
  }
}

Error refusal(const Pool& pool, std::optional<Redundancy> asked, const transfer::StoresLeft& left,
              const std::string& what_is_missing) {
  const auto unusable = unusable_stores(pool, left);
  std::string message = what_is_missing;
  std::string_view separator = "; not to be had: ";
  for (const Unusable& one : unusable) {
    message.append(separator).append(one.store->name + " (" + one.why + ")");
    separator = ", ";
  }
  ErrorKind kind = ErrorKind::out_of_space;
  if (would_do(pool, asked, left, unusable, may_be_back)) {
    kind = ErrorKind::offline;
  } else if (would_do(pool, asked, left, unusable,
                      [](ErrorKind one) { return may_be_back(one) || one == ErrorKind::denied; })) {
    kind = ErrorKind::denied;
  }
  return {kind, "", message};
}

PushPlan plan_by_stores_at_hand(Pool& pool, std::optional<Redundancy> asked, const CallOptions& call) {
  auto targets = transfer::ask_targets(pool.stores(), call);
  try {
    const auto promise = valid_promise(pool, asked, targets.candidates);
    return {promise, std::move(targets)};
  } catch (const Error& error) {
    if (error.kind != ErrorKind::out_of_space) throw;
    throw refusal(pool, asked, {targets, {}}, error.what());
  }
}

// Rechecks all stores: offline ones may be back, and slow ones are needed now.
void recheck_stores(Pool& pool, const CallOptions& call) {
  // Also uploads what they missed, and reads log records that only they have.
  catch_up(pool, {.recheck = MarkerWait::full, .log = LogReading::all, .catalogue = true}, call);
}

bool says_what_is_missing(ErrorKind kind) {
  return kind == ErrorKind::out_of_space || kind == ErrorKind::offline || kind == ErrorKind::denied;
}

}  // namespace

static PushPlan plan_with_timeouts(Pool& pool, std::optional<Redundancy> asked, const CallOptions& call) {
  transfer::NeededWait needed(pool.stores(), transfer::CallKind::put);
  for (;;) {
    recheck_stores(pool, call);
    try {
      return plan_by_stores_at_hand(pool, asked, call);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::offline || !needed.wait(call)) throw;
    }
  }
}

Freshness read_fresh_log(Pool& pool, const CallOptions& call) {
  Freshness sync = catch_up(pool, {.log = LogReading::thorough}, call);
  if (sync.fresh) return sync;
  throw Error(
      ErrorKind::offline, "push",
      unread_text(sync) +
          ". Without it nothing can be committed: somebody may be deleting what this push counts on. Push again "
          "when they are back, or take those that are gone for good out of the pool: modelfloat store rm NAME...");
}

PushPlan plan_push(Pool& pool, std::optional<Redundancy> asked, const CallOptions& call) {
  if (pool.stores().all().empty()) {
    throw Error(ErrorKind::invalid, "push",
                "this pool has no store yet: add some with `modelfloat store add NAME URL`");
  }
  read_fresh_log(pool, call);
  pool.log().require_writable();
  // With this, data that others have stored is known.
  catch_up(pool, {.catalogue = true, .decided = MarkerWait::straggler}, call);
  PushPlan plan;
  try {
    plan = plan_by_stores_at_hand(pool, asked, call);
  } catch (const Error& error) {
    if (!says_what_is_missing(error.kind)) throw;
    plan = plan_with_timeouts(pool, asked, call);
  }
  Settings(pool.registry()).raise_largest_parity(static_cast<std::uint8_t>(plan.promise.redundancy.m));
  return plan;
}

Redundancy plan_again(const Pool& pool, std::optional<Redundancy> asked, const transfer::StoresLeft& left) {
  try {
    return valid_promise(pool, asked, left.targets.candidates).redundancy;
  } catch (const Error& error) {
    if (error.kind != ErrorKind::out_of_space) throw;
    throw refusal(pool, asked, left, error.what());
  }
}

}  // namespace modelfloat::engine
