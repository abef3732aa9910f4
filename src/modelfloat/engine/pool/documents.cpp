#include "modelfloat/engine/pool/documents.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/transfer/ask/confirmed_put.h"
#include "modelfloat/transfer/ask/object_reader.h"
#include "modelfloat/transfer/ask/straggler_timeout.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::engine {

using transfer::PoolStore;
using transfer::WaitFor;

AwaitedPuts::AwaitedPuts(registry::Journal& registry, std::span<const NamedObject> objects) : registry_(registry) {
  for (const NamedObject& object : objects) objects_.push_back(object.name.path());
  registry_.await_puts(objects_);
}

AwaitedPuts::~AwaitedPuts() {
  if (objects_.empty()) return;
  try {
    registry_.forget_puts(objects_);
  } catch (const std::exception& error) {
    log_debug(error.what());  // the rows that remain do no harm
  }
}

// Uses the registry's list of stores: another process may have added a store.
void Documents::enqueue(std::span<const NamedObject> objects) {
  std::vector<registry::QueuedPut> puts;
  for (const registry::StoreRow& store : environment_.registry.stores()) {
    for (const NamedObject& object : objects) puts.push_back({store.id, object.name.path(), object.bytes});
  }
  environment_.registry.queue_puts(puts);
}

// Runs on a thread of the I/O pool. Uses only its arguments.
Documents::Outcome Documents::send(store::Store& store, const std::string& where, transfer::StoreState& state,
                                   const std::vector<registry::QueuedPut>& queue, SentObjects& sent,
                                   const transfer::Timeouts& timeouts, Clock& clock, const CallOptions& call) {
  std::string trouble;
  try {
    for (const auto& put : queue) {
      const auto name = ObjectName::parse(put.object);
      if (!name) throw Error(ErrorKind::internal, put.object, "queued under a name that is none");
      check_cancelled(call, clock, put.object);
      try {
        transfer::put_confirmed(store, where, *name, put.bytes,
                                transfer::within(call, clock, timeouts.allowed(put.bytes.size())));
        // A record counts only where everybody finds it.
        if (name->type() == ObjectType::log && store.traits().delayed_listing &&
            !transfer::wait_until_listed(store, *name, timeouts, clock, call))
          return {where + " does not list a new record of the log", false};
      } catch (const Error& error) {
        if (error.kind != ErrorKind::corrupt) throw;
        trouble = error.what();  // concerns this object only
        continue;
      }
      state.put_succeeded();
      const std::lock_guard lock(sent.mutex);
      sent.objects.push_back(put.object);
      sent.bytes += put.bytes.size();
    }
  } catch (const Error& error) {
    state.put_failed(error);
    return {error.what(), error.kind == ErrorKind::cancelled};
  }
  return {trouble, false};
}

// Starts a call for each online store that has queued objects and has no call under way. The caller
// holds the mutex.
void Documents::start_sending() {
  std::map<StoreId, std::vector<registry::QueuedPut>> by_store;
  for (auto& put : environment_.registry.queued_puts()) by_store[put.store].push_back(std::move(put));
  for (auto& [id, puts] : by_store) {
    const PoolStore* store = stores_.find(id);
    if (store == nullptr || !store->is_online() || store->state->puts_are_paused() || failed_.contains(store)) continue;
    const auto calls = race_.under_way();
    if (std::any_of(calls.begin(), calls.end(), [&to = store](const auto& call) { return call.store == to; })) continue;
    Milliseconds allowed{0};
    for (const auto& put : puts) allowed += stores_.timeouts().allowed(put.bytes.size());
    auto sent = std::make_shared<SentObjects>();
    race_.ask(*store, allowed, {.sent = sent},
              [queue = std::move(puts), sent, where = store->name, state = store->state, timeouts = stores_.timeouts(),
               clock = &environment_.clock](store::Store& to, const CallOptions& options) {
                return send(to, where, *state, queue, *sent, timeouts, *clock, options);
              });
  }
}

// Records what the store has confirmed so far, even if it has not confirmed everything. Returns the
// bytes of that.
std::uint64_t Documents::record_sent(const PoolStore& store, Sending& sending) {
  std::vector<std::string> objects;
  std::uint64_t bytes = 0;
  {
    const std::lock_guard lock(sending.sent->mutex);
    objects.swap(sending.sent->objects);
    bytes = std::exchange(sending.sent->bytes, 0);
  }
  // The store has a new address by now; everything is uploaded there again.
  if (stores_.find(store.id) != &store) return 0;
  for (const std::string& object : objects) environment_.registry.put_done(store.id, object);
  if (objects.empty()) return bytes;
  sending.has_taken = true;
  warned_.erase(&store);
  return bytes;
}

std::uint64_t Documents::record_all_sent() {
  std::uint64_t bytes = 0;
  for (auto& sending : race_.under_way()) bytes += record_sent(*sending.store, sending.tag);
  return bytes;
}

std::uint64_t Documents::handle_answer(Race::Answer& answer) {
  const Outcome outcome = answer.error ? Outcome{.trouble = answer.error->what()} : *std::move(answer.value);
  if (!outcome.trouble.empty()) {
    failed_.insert(answer.store);
    if (!outcome.cancelled && warned_.insert(answer.store).second)
      log_warning(fmt::format("{} gets its metadata later: {}", answer.store->name, outcome.trouble));
  }
  return record_sent(*answer.store, answer.tag);
}

std::uint64_t Documents::flush_once(WaitFor wait_for, const CallOptions& call, std::span<const NamedObject> objects,
                                    std::size_t domains) {
  failed_.clear();
  for (auto& sending : race_.under_way()) sending.tag.has_taken = false;
  std::uint64_t bytes = 0;
  const SteadyTime begin = environment_.clock.steady_now();
  bool somebody_has_answered = false;
  // The latest end of waiting once the remaining calls are optional.
  SteadyTime longest = SteadyTime::max();
  for (;;) {
    start_sending();
    bytes += record_all_sent();
    SteadyTime limit = wait_for == WaitFor::quorum ? begin : SteadyTime::max();
    if (wait_for == WaitFor::all && domains_having(objects) >= domains) {
      const SteadyTime now = environment_.clock.steady_now();
      const transfer::Timeouts& timeouts = stores_.timeouts();
      const Milliseconds usual = somebody_has_answered ? timeouts.straggler : timeouts.marker;
      longest = std::min(longest, now + timeouts.marker);
      limit = std::min(longest, now + (now - begin) + transfer::straggler_timeout(stores_, race_.awaited(), usual));
    }
    std::optional<Race::Answer> answer;
    try {
      answer = race_.next(limit, call);
    } catch (...) {
      record_all_sent();
      throw;
    }
    if (!answer) break;  // no call is under way, or only stragglers are left
    bytes += handle_answer(*answer);
    somebody_has_answered = true;
  }
  bytes += record_all_sent();
  if (wait_for == WaitFor::all) {
    for (const auto& sending : race_.under_way()) {
      if (!sending.tag.has_taken) sending.store->state->latency.mark_slow();
    }
  }
  return bytes;
}

std::uint64_t Documents::flush(WaitFor wait_for, const CallOptions& call, std::span<const NamedObject> objects,
                               std::size_t domains) {
  std::unique_lock lock(mutex_, std::defer_lock);
  if (wait_for == WaitFor::all) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return 0;  // another thread is in flush()
  }
  std::uint64_t bytes = flush_once(wait_for, call, objects, domains);
  forget_known_enough();
  if (domains_having(objects) >= domains) return bytes;
  stores_.recheck();  // a store may be back by now
  stores_.wait_for_checks(call, stores_.timeouts().straggler);
  bytes += flush_once(wait_for, call, objects, domains);
  transfer::NeededWait needed(stores_, transfer::CallKind::put);
  while (domains_having(objects) < domains) {
    // Without the mutex other threads can flush meanwhile, so the loop checks its condition again.
    lock.unlock();
    const bool again = needed.wait(call);
    lock.lock();
    if (!again) break;
    bytes += flush_once(wait_for, call, objects, domains);
  }
  return bytes;
}

void Documents::count_only_when_known(const StoreId& store, const ObjectName& record, std::size_t domains) {
  const std::string& path = record.path();
  environment_.registry.await_puts({&path, 1});
  Settings settings(environment_.registry);
  environment_.registry.transaction([&] {
    auto stores = settings.barely_known();
    stores.push_back({store, path, domains});
    settings.set_barely_known(stores);
  });
}

bool Documents::is_known_enough(const BarelyKnownStore& one) const {
  const auto domains_of = [&](const std::vector<const PoolStore*>& stores) {
    std::set<std::string> domains;
    for (const PoolStore* store : stores) domains.insert(store->domain);
    return domains.size();
  };
  std::vector<const PoolStore*> others = stores_.all();
  std::erase_if(others, [&](const PoolStore* store) { return store->id == one.store; });
  std::vector<const PoolStore*> having;
  for (const StoreId& id : environment_.registry.confirmed_puts(one.record)) {
    if (const PoolStore* store = stores_.find(id); store != nullptr && id != one.store) having.push_back(store);
  }
  return domains_of(having) >= std::min(one.domains, domains_of(others));
}

std::set<StoreId> Documents::stores_that_do_not_count() const {
  std::set<StoreId> stores;
  for (const BarelyKnownStore& one : Settings(environment_.registry).barely_known()) {
    if (!is_known_enough(one)) stores.insert(one.store);
  }
  return stores;
}

void Documents::forget_known_enough() {
  Settings settings(environment_.registry);
  if (settings.barely_known().empty()) return;
  environment_.registry.transaction([&] {
    auto stores = settings.barely_known();
    std::erase_if(stores, [&](const BarelyKnownStore& one) {
      if (stores_.find(one.store) != nullptr && !is_known_enough(one)) return false;
      environment_.registry.forget_puts({&one.record, 1});
      return true;
    });
    settings.set_barely_known(stores);
  });
}

std::size_t Documents::domains_having(std::span<const NamedObject> objects) const {
  std::size_t fewest = SIZE_MAX;
  const std::set<StoreId> do_not_count = objects.empty() ? std::set<StoreId>() : stores_that_do_not_count();
  for (const NamedObject& object : objects) {
    std::set<std::string> having;
    for (const StoreId& id : environment_.registry.confirmed_puts(object.name.path())) {
      const PoolStore* store = stores_.find(id);
      if (store != nullptr && !do_not_count.contains(id)) having.insert(store->domain);
    }
    fewest = std::min(fewest, having.size());
  }
  return fewest;
}

bool Documents::is_durable(std::span<const NamedObject> objects, std::size_t domains) const {
  return std::all_of(objects.begin(), objects.end(),
                     [&](const NamedObject& object) { return domains_having({&object, 1}) >= domains; });
}

void Documents::require_durable(std::span<const NamedObject> objects, std::size_t domains) const {
  for (const NamedObject& object : objects) {
    const std::size_t having = domains_having({&object, 1});
    if (having >= domains) continue;
    std::string text = fmt::format(
        "has to be on stores of {} failure domains to be safe, and only {} took it; it is kept here and goes there "
        "when they are back",
        domains, having);
    std::vector<std::string> names;
    for (const StoreId& id : stores_that_do_not_count()) {
      if (const PoolStore* store = stores_.find(id)) names.push_back(store->name);
    }
    if (!names.empty()) {
      text += fmt::format(
          ". {} does not count before enough of the other stores have heard of it: bring one of them back, or take "
          "out those that are gone for good (`modelfloat store rm`)",
          fmt::join(names, ", "));
    }
    throw Error(ErrorKind::offline, object.name.path(), text);
  }
}

std::uint64_t Documents::put(std::span<const NamedObject> objects, std::size_t domains, const CallOptions& call) {
  std::optional<AwaitedPuts> awaited;
  environment_.registry.transaction([&] {  // a single one, as each transaction waits for the disk
    awaited.emplace(environment_.registry, objects);
    enqueue(objects);
  });
  const std::uint64_t bytes = flush(WaitFor::all, call, objects, domains);
  require_durable(objects, domains);
  return bytes;
}

Bytes Documents::get(const ObjectName& name, const transfer::FindingSink& finding, const CallOptions& call) {
  if (auto cached = environment_.registry.document(name.path()); cached && transfer::fits_name(name, *cached))
    return *std::move(cached);
  auto bytes = transfer::read_object(stores_, name, true, finding, call);
  if (!bytes)
    throw Error(ErrorKind::lost, name.path(),
                "no store that can be read now has a good copy of this part of a manifest");
  environment_.registry.keep_document(name.path(), *bytes);
  return *std::move(bytes);
}

}  // namespace modelfloat::engine
