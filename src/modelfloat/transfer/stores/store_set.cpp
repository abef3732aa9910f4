#include "modelfloat/transfer/stores/store_set.h"

#include <algorithm>
#include <set>

#include "modelfloat/base/log.h"
#include "modelfloat/mf1/marker.h"

namespace modelfloat::transfer {

// Why the store must not be used; nullopt when its marker is the right one.
static std::optional<Error> trouble_with_marker(store::Store& store, StoreState& state, const mf1::PoolTag& pool_tag,
                                                const StoreId& id, const CallOptions& call) {
  const auto not_it = [](std::string_view why) { return Error(ErrorKind::offline, "", why); };
  try {
    const auto bytes = state.get(store, ObjectName::marker(), {}, call);
    if (!bytes) return not_it("its marker is missing: this is not the place that was added, or it is not mounted");
    const mf1::Marker marker = mf1::parse_marker(*bytes);
    if (marker.pool != pool_tag) return not_it("it carries the marker of another pool");
    if (marker.store != id) return not_it("it carries the marker of another store of this pool");
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorKind::internal, "", error.what());
  }
}

// Why a store gets no new shards by what the log says of its use.
static std::optional<Error> no_shards_for(StoreUse use) {
  const auto reason = [](std::string_view why) { return Error(ErrorKind::out_of_space, "", why); };
  switch (use) {
    case StoreUse::in_use: return std::nullopt;
    case StoreUse::draining: return reason("is draining: it gets no new data");
    default: return reason("is in a state that this version does not know: it gets no new data");
  }
}

StoreSet::StoreSet(const std::vector<registry::StoreRow>& rows, Context context) : context_(std::move(context)) {
  set_rows(rows);
}

StoreSet::~StoreSet() { stop_.request_stop(); }

std::unique_ptr<PoolStore> StoreSet::make(const registry::StoreRow& row) const {
  std::shared_ptr<store::Store> store;
  std::optional<Error> trouble;
  try {
    store = context_.open(row);
  } catch (const Error& error) {
    trouble = error;
  }
  const store::StoreTraits traits = store ? store->traits() : store::StoreTraits{};
  auto state = std::make_shared<StoreState>(row.name, signal_, context_.clock, context_.io, traits.parallel_calls,
                                            no_shards_for(row.use));
  if (!store && state->begin_check(true)) state->check_ended(trouble);
  return std::unique_ptr<PoolStore>(new PoolStore{row.id, row.name, row.url, row.domain, row.capacity_bytes,
                                                  std::move(store), std::move(state), traits.downloads_are_scarce,
                                                  row.use});
}

void StoreSet::set_rows(const std::vector<registry::StoreRow>& rows) {
  const std::lock_guard one_at_a_time(changing_);
  std::vector<const PoolStore*> now;
  std::vector<const PoolStore*> joined;
  for (const registry::StoreRow& row : rows) {
    const PoolStore* known = find(row.id);
    const bool same = known != nullptr && known->url == row.url && known->name == row.name &&
                      known->domain == row.domain && known->capacity_bytes == row.capacity_bytes &&
                      known->use == row.use;
    if (same) {
      now.push_back(known);
      continue;
    }
    auto made = make(row);
    now.push_back(made.get());
    joined.push_back(made.get());
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(made));
  }
  std::sort(now.begin(), now.end(), [](const PoolStore* a, const PoolStore* b) { return a->name < b->name; });
  {
    const std::lock_guard lock(mutex_);
    stores_ = std::move(now);
  }
  for (const PoolStore* store : joined) {
    if (store->store && store->state->begin_check(true)) check(*store);
  }
  signal_->notify();
}

// The task owns or shares everything that it uses, because it may outlive the set.
void StoreSet::check(const PoolStore& store) const {
  context_.io.submit([handle = store.store, state = store.state, tag = context_.pool_tag, id = store.id,
                      stop = stop_.get_token(), clock = &context_.clock, timeout = context_.timeouts.marker] {
    const CallOptions call = within({stop, std::nullopt}, *clock, timeout);
    if (stop.stop_requested()) return;
    const auto trouble = trouble_with_marker(*handle, *state, tag, id, call);
    if (stop.stop_requested()) return;
    state->check_ended(trouble);
  });
}

std::vector<const PoolStore*> StoreSet::all() const {
  const std::lock_guard lock(mutex_);
  return stores_;
}

std::vector<const PoolStore*> StoreSet::online() const {
  auto found = all();
  std::erase_if(found, [](const PoolStore* store) { return !store->is_online(); });
  return found;
}

const PoolStore* StoreSet::find(const StoreId& id) const {
  const auto stores = all();
  const auto found =
      std::find_if(stores.begin(), stores.end(), [&](const PoolStore* store) { return store->id == id; });
  return found == stores.end() ? nullptr : *found;
}

const PoolStore* StoreSet::find(std::string_view name) const {
  const auto stores = all();
  const auto found =
      std::find_if(stores.begin(), stores.end(), [&](const PoolStore* store) { return store->name == name; });
  return found == stores.end() ? nullptr : *found;
}

// Until when to wait for marker reads, as of now; SteadyTime::min() when none is to be waited for.
SteadyTime StoreSet::awaited_until(Awaited which, Milliseconds timeout) const {
  SteadyTime until = SteadyTime::min();
  for (const PoolStore* store : all()) {
    if (which == Awaited::pending && store->state->presence() != Presence::pending) continue;
    until = std::max(until, store->state->awaited_until(timeout));
  }
  return until;
}

bool StoreSet::wait_for_change(const std::function<bool()>& changed, const std::stop_token& stop) const {
  std::unique_lock lock(signal_->mutex);
  return context_.clock.wait_until(signal_->changed, lock, stop, SteadyTime::max(), changed);
}

// enough() locks what it reads by itself; those who change it notify the signal afterwards.
bool StoreSet::wait(const std::function<bool()>& enough, Awaited which, Milliseconds timeout,
                    const CallOptions& call) const {
  for (;;) {
    bool is_enough = false;
    SteadyTime until;
    const auto done = [&] {
      is_enough = enough();
      until = awaited_until(which, timeout);
      return is_enough || until <= context_.clock.steady_now();
    };
    if (call.stop.stop_requested()) throw Error(ErrorKind::cancelled, "stores", "stopped on request");
    std::unique_lock lock(signal_->mutex);
    if (done() || (call.deadline && *call.deadline <= context_.clock.steady_now())) return is_enough;
    // Which stores are awaited, and until when, may have changed after this wait.
    context_.clock.wait_until(signal_->changed, lock, call.stop, std::min(call.deadline.value_or(until), until), done);
  }
}

bool StoreSet::checks_are_pending() const {
  return awaited_until(Awaited::pending, context_.timeouts.marker) > context_.clock.steady_now();
}

bool StoreSet::wait_until(const std::function<bool()>& enough, const CallOptions& call,
                          std::optional<Milliseconds> timeout) const {
  return wait(enough, Awaited::pending, timeout.value_or(context_.timeouts.marker), call);
}

void StoreSet::wait_until_decided(const CallOptions& call, std::optional<Milliseconds> timeout) const {
  wait_until([] { return false; }, call, timeout);
}

bool StoreSet::wait_for_domains(std::size_t domains, const CallOptions& call) const {
  return wait_until(
      [&] {
        std::set<std::string_view> there;
        for (const PoolStore* store : online()) there.insert(store->domain);
        return there.size() >= domains;
      },
      call);
}

void StoreSet::wait_for_checks(const CallOptions& call, std::optional<Milliseconds> timeout) const {
  wait([] { return false; }, Awaited::any, timeout.value_or(context_.timeouts.marker), call);
}

void StoreSet::recheck(bool now) {
  for (const PoolStore* store : all()) {
    if (!store->state->begin_check(now)) continue;
    if (store->store) {
      check(*store);
    } else {
      make_again(*store);
    }
  }
}

// For a store that could not be made before, for example because a credential was missing or a
// helper program did not run.
void StoreSet::make_again(const PoolStore& store) {
  auto made = make({store.id, store.name, store.url, store.domain, store.capacity_bytes, {}, store.use});
  if (!made->store) {
    store.state->check_ended(Error(made->state->kind_of_trouble(), "", made->state->why_not_online()));
    return;
  }
  const PoolStore& fresh = *made;
  {
    const std::lock_guard lock(mutex_);
    const auto place = std::find(stores_.begin(), stores_.end(), &store);
    if (place == stores_.end()) return;  // it has left the pool meanwhile
    *place = &fresh;
    kept_.push_back(std::move(made));
  }
  if (fresh.state->begin_check(true)) check(fresh);
}

}  // namespace modelfloat::transfer
