#include "modelfloat/engine/upkeep/setup.h"

#include <algorithm>
#include <functional>
#include <set>

#include "store_texts.inc"
#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/transfer/ask/confirmed_put.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::engine {

// --- creating a pool

NewPool create_pool(const Environment& environment, const mf1::SlotSecret& secret, PolicySet policy) {
  Settings settings(environment.registry);
  if (settings.pool()) throw Error(ErrorKind::invalid, "init", "there is a pool in this home already");
  NewPool pool;
  pool.id = environment.random.array<16>();
  const mf1::Keyring keys(pool.id, 1, crypto::SecretKey::random(environment.random));
  const auto code = mf1::RecoveryCode::random(environment.random);

  std::vector<Change> changes{policy};
  environment.registry.transaction([&] {
    environment.registry.clear();  // removes what an interrupted recovery left
    for (const auto& slot : {mf1::SlotSecret::recovery_code(code), secret})
      changes.push_back(new_slot(environment, keys, slot).change);
    settings.set_pool(pool.id);
    settings.set_policy(policy);
    transfer::StoreSet no_stores({}, {environment.io, environment.clock, keys.pool_tag(), {}});
    Documents documents(environment, no_stores);
    PoolLog(environment, keys, no_stores, documents).append(std::move(changes), {});
  });
  pool.recovery_code = code.text();
  return pool;
}

// --- adding stores

namespace {

// Sets a time limit for calls to a store outside the pool's own call handling, so that a store that
// never answers does not block.
CallOptions in_time(Pool& pool, const CallOptions& call, std::uint64_t bytes = 0) {
  return transfer::within(call, pool.environment().clock, pool.stores().timeouts().allowed(bytes));
}

CallOptions in_time_for_a_listing(Pool& pool, const CallOptions& call) {
  return transfer::within(call, pool.environment().clock, pool.stores().timeouts().listing);
}

void put_in_time(Pool& pool, store::Store& store, const std::string& url, const ObjectName& name, ByteSpan bytes,
                 const CallOptions& call) {
  transfer::put_confirmed(store, url, name, bytes, in_time(pool, call, bytes.size()));
}

// Returns the id under which the store joins the pool: that of its marker, or a new one when it has
// no marker.
StoreId claim(Pool& pool, const std::string& url, store::Store& store, const CallOptions& call) {
  if (const auto bytes = store.get(ObjectName::marker(), {}, in_time(pool, call))) {
    const mf1::Marker marker = mf1::parse_marker(*bytes);
    if (marker.pool != pool.keys().pool_tag()) throw Error(ErrorKind::denied, url, "belongs to another pool");
    return marker.store;
  }
  const StoreId id = pool.environment().random.array<16>();
  put_in_time(pool, store, url, ObjectName::marker(), mf1::make_marker({pool.keys().pool_tag(), id}), call);
  return id;
}

// Returns the names of all documents of the pool: those that any store lists, and those that are
// only in the registry so far.
std::set<ObjectName> all_documents(Pool& pool, const CallOptions& call) {
  std::set<ObjectName> names;
  const PoolState state = pool.log().state();
  for (const auto& [id, slot] : state.slots) names.insert(ObjectName::of(ObjectType::slot, slot.object));
  names.merge(pool.log().expected_objects());
  const std::vector<std::string> folders{"mf1/log/", "mf1/checkpoint/", "mf1/part/", "mf1/structure/", "mf1/content/"};
  for (const auto& listing : transfer::list_stores(pool.stores(), folders, transfer::WaitFor::all, {}, call)) {
    if (!listing.complete) log_warning(fmt::format("{} cannot be listed: {}", listing.store->name, listing.trouble));
    for (const store::ObjectInfo& info : listing.objects) names.insert(info.name);
  }
  return names;
}

// Does work with the joining store, and repeats it when the store asks for a pause.
void with_it(Pool& pool, const std::string& url, const CallOptions& call, const std::function<void()>& work) {
  transfer::do_with_needed(url, pool.environment().clock, pool.stores().timeouts(), call, work);
}

// Copies the documents that are not in `copied` yet.
void copy_documents(Pool& pool, const std::string& url, store::Store& to, std::set<ObjectName>& copied,
                    const CallOptions& call) {
  for (const ObjectName& name : all_documents(pool, call)) {
    if (!copied.insert(name).second) continue;
    try {
      const Bytes document = pool.documents().get(name, {}, call);
      with_it(pool, url, call, [&] { put_in_time(pool, to, url, name, document, call); });
    } catch (const Error& error) {
      // This may be a record that only a checkpoint covers, or one that cannot be read anywhere.
      // The other stores lack it, too.
      if (error.kind != ErrorKind::lost) throw;
      log_warning(error.what());
    }
  }
}

void queue_the_rest(Pool& pool, const StoreId& store, const std::set<ObjectName>& copied, const CallOptions& call) {
  std::vector<registry::QueuedPut> puts;
  for (const ObjectName& name : all_documents(pool, call)) {
    if (copied.contains(name)) continue;
    try {
      puts.push_back({store, name.path(), pool.documents().get(name, {}, call)});
    } catch (const Error& error) {
      if (error.kind != ErrorKind::lost) throw;
      log_warning(error.what());
    }
  }
  if (puts.empty()) return;
  pool.registry().queue_puts(puts);
  pool.documents().flush(transfer::WaitFor::all, call);
}

// The name of the store in the log; nullopt when the log does not have the store. The store may be
// shown under another one.
std::optional<std::string> logged_name(Pool& pool, const StoreId& id) {
  const PoolState state = pool.log().state();
  const auto found = state.stores.find(id);
  return found == state.stores.end() ? std::nullopt : std::optional(found->second.name);
}

StoreAdded added_of(const registry::StoreRow& row, const std::string& name) {
  return {row.id, name, row.url, row.domain, row.capacity_bytes, row.use};
}

registry::StoreRow row_of(Pool& pool, const StoreId& id, const std::string& name) {
  for (auto& row : pool.registry().stores()) {
    if (row.id == id) return row;
  }
  throw Error(ErrorKind::not_found, name, "no such store in this pool");
}

}  // namespace

registry::StoreRow row_called(registry::StoreRecords& registry, const std::string& name) {
  for (auto& row : registry.stores()) {
    if (row.name == name) return row;
  }
  throw Error(ErrorKind::not_found, name, "no such store in this pool");
}

registry::StoreRow add_store(Pool& pool, const std::string& name, const std::string& url, const std::string& domain,
                             std::uint64_t capacity_bytes, store::Store& store, const CallOptions& call,
                             const std::function<void(const registry::StoreRow&)>& on_row) {
  warn_unless_fresh(catch_up(pool, {.log = LogReading::all, .catalogue = true}, call),
                    "what is known only there does not go to " + name + " yet");
  pool.log().require_writable();
  for (const auto& row : pool.registry().stores()) {
    if (row.url == url) throw Error(ErrorKind::invalid, url, "is in the pool already, as " + row.name);
  }
  StoreId id{};
  with_it(pool, url, call, [&] { id = claim(pool, url, store, call); });
  registry::StoreRow row{id, name, url, domain, capacity_bytes, pool.environment().clock.utc_now()};
  bool is_known = false;
  for (const auto& other : pool.registry().stores()) {
    // The same store under a new address.
    const bool moved = other.id == row.id && other.name == name;
    if (other.name == name && !moved) throw Error(ErrorKind::invalid, name, "there is a store of this name already");
    if (other.id == row.id && !moved) throw Error(ErrorKind::invalid, url, "is in the pool already, as " + other.name);
    if (moved) row.use = other.use;
    is_known = is_known || moved;
  }
  with_it(pool, url, call, [&] {
    put_in_time(pool, store, url, ObjectName::format_text(), as_bytes(k_FORMAT_txt), call);
    put_in_time(pool, store, url, ObjectName::rescue_reader(), as_bytes(k_rescue_py), call);
  });
  // What the others have of the log is there before the store counts for anybody.
  std::set<ObjectName> copied;
  copy_documents(pool, url, store, copied, call);
  const StoreAdded added = added_of(row, logged_name(pool, row.id).value_or(name));
  if (is_known) {
    pool.log().append_if_possible({added}, call);
  } else {
    pool.log().append_new_store(added, call);
  }
  std::vector<Hash256> shards;  // if the store was in the pool before
  with_it(pool, url, call, [&] {
    shards.clear();
    store.list(
        "mf1/shard/", [&](const store::ObjectInfo& info) { shards.push_back(*info.name.hash()); },
        in_time_for_a_listing(pool, call));
  });
  pool.registry().transaction([&] {
    pool.registry().put_store(row);
    if (on_row) on_row(row);
    pool.registry().set_shard_places(row.id, shards);
  });
  pool.stores().set_rows(pool.registry().stores());
  // From now on, this home queues its uploads for the new store, too. What it wrote since
  // copy_documents() was queued only for the others.
  queue_the_rest(pool, row.id, copied, call);
  return row;
}

void change_store(Pool& pool, const registry::StoreRow& row, const CallOptions& call) {
  const registry::StoreRow before = row_of(pool, row.id, row.name);
  warn_unless_fresh(catch_up(pool, {.log = LogReading::all, .catalogue = true}, call),
                    "what another machine said there of " + row.name + " is not known, and this is said beside it");
  // Another machine may have changed the rest, or taken the store out.
  registry::StoreRow now = row_of(pool, row.id, row.name);
  const auto change = [](auto& value, const auto& old, const auto& wanted) {
    if (wanted != old) value = wanted;
  };
  change(now.url, before.url, row.url);
  change(now.domain, before.domain, row.domain);
  change(now.capacity_bytes, before.capacity_bytes, row.capacity_bytes);
  change(now.use, before.use, row.use);
  pool.log().append_if_possible({added_of(now, logged_name(pool, row.id).value_or(now.name))}, call);
  pool.registry().put_store(now);
  pool.stores().set_rows(pool.registry().stores());
}

StoreTest test_store(Pool& pool, const std::string& name, const CallOptions& call, std::size_t size) {
  const transfer::PoolStore* store = pool.stores().find(name);
  if (store == nullptr) throw Error(ErrorKind::not_found, name, "no such store in this pool");
  catch_up(pool, {.decided = MarkerWait::full}, call);
  if (!store->is_online()) throw Error(ErrorKind::offline, name, store->state->why_not_online());
  const Clock& clock = pool.environment().clock;
  const auto timed = [&](const auto& work) {
    const SteadyTime begin = clock.steady_now();
    work();
    return seconds_between(begin, clock.steady_now());
  };

  constexpr ByteRange k_test_range{1000, 5000};
  Bytes bytes(size);
  pool.environment().random.fill(bytes);
  const ObjectName object = ObjectName::of(ObjectType::shard, crypto::blake3(bytes));
  StoreTest test;
  test.put_seconds = timed([&] { store->store->put(object, bytes, in_time(pool, call, size)); });
  test.get_seconds = timed([&] {
    const auto part = store->store->get(object, k_test_range, in_time(pool, call, size));
    if (!part || !equal(*part, ByteSpan(bytes).subspan(k_test_range.offset, k_test_range.length))) {
      throw Error(ErrorKind::corrupt, name, "does not give back what was put there");
    }
  });
  test.get_whole_seconds = timed([&] {
    const auto whole = store->store->get(object, {}, in_time(pool, call, size));
    if (!whole || !equal(*whole, bytes)) throw Error(ErrorKind::corrupt, name, "does not give back what was put there");
  });
  test.list_seconds = timed([&] {
    const std::string folder = object.path().substr(0, object.path().rfind('/') + 1);
    const auto collect = [&](const store::ObjectInfo& info) {
      if (info.name != object) return;
      test.listed = true;
      test.checksum = info.checksum;
    };
    store->store->list(folder, collect, in_time_for_a_listing(pool, call));
    if (!test.listed && !store->store->traits().delayed_listing)
      throw Error(ErrorKind::corrupt, name, "does not list what was put there");
  });
  test.remove_seconds = timed([&] { store->store->remove(object, in_time(pool, call)); });
  test.space = store->store->space(in_time(pool, call));
  return test;
}

}  // namespace modelfloat::engine
