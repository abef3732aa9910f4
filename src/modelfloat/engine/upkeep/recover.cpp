#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/domain/store_names.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/manifest/manifest_index.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/engine/upkeep/stores_by_address.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/store/wrap/measured.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/ask/object_reader.h"
#include "modelfloat/transfer/packs/later_parity.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::engine {
namespace {

using transfer::PoolStore;

// Anybody who can write to a store can put any number of slots there.
constexpr std::size_t k_slots_read_per_store = 1024;

class Recovery {
 public:
  Recovery(const Environment& environment, const mf1::SlotSecret& secret, std::vector<RecoverSource> sources,
           const StoreMaker& make_store, const RecoverOptions& options, const CallOptions& call)
      : environment_(environment),
        secret_(secret),
        make_store_(make_store),
        options_(options),
        call_(call),
        begin_(environment.clock.steady_now()),
        sources_(environment, std::move(sources), options.timeouts, call) {}

  RecoverResult run() {
    if (Settings(environment_.registry).pool())
      throw Error(ErrorKind::invalid, "recover", "there is a pool in this home already: recover into an empty one");
    environment_.registry.clear();  // removes what an earlier attempt left
    mf1::Keyring keys = find_keys();
    PoolState state = read_log(keys);
    prefer_by_log(keys, environment_.registry);
    RecoverResult result;
    environment_.registry.transaction([&] {
      if (state.policy) Settings(environment_.registry).set_policy(*state.policy);
      result.stores = write_stores(state);
    });
    Pool pool(
        environment_, std::move(keys), [this](const registry::StoreRow& row) { return open_store(row); },
        options_.timeouts);
    catch_up(pool, {.decided = MarkerWait::full}, call_);
    for (const PoolStore* store : pool.stores().all()) {
      if (sources_.is_unresponsive(store->url)) store->state->latency.mark_slow();
    }
    const transfer::Inventory inventory = list_shards(pool);
    // By the whole catalogue now, which may have more stores than were given.
    result.log_is_fresh = warn_unless_fresh(catch_up(pool, {.log = LogReading::all, .catalogue = true}, call_),
                                            "what is known only there is missing until they are back");
    state = pool.log().state();
    index_prepared(pool, state);
    transfer::learn_stray_shards(pool.stores(), environment_.registry, inventory.stray(), call_);
    if (options_.own_secret != nullptr) add_own_slot(pool);
    environment_.registry.transaction([&] {
      if (options_.on_pool) options_.on_pool(pool.keys());
      Settings(environment_.registry).set_pool(pool.keys().pool_id());  // last: now it is complete
    });
    result.slots_tried = slots_tried_;
    result.models = environment_.registry.models("", "", SIZE_MAX >> 1).size();
    result.bytes_read = bytes_read();
    result.seconds = seconds_between(begin_, environment_.clock.steady_now());
    return result;
  }

 private:
  // What recovery needs from one store.
  struct Slots {
    std::optional<mf1::PoolTag> pool;  // the one that its marker names
    std::vector<FoundSlot> slots;
  };

  static Slots read_slots(store::Store& store, const CallOptions& call) {
    Slots found;
    try {
      if (const auto marker = store.get(ObjectName::marker(), {}, call)) found.pool = mf1::parse_marker(*marker).pool;
    } catch (const Error& error) {
      if (error.kind != ErrorKind::corrupt && error.kind != ErrorKind::unsupported) throw;
    }
    std::vector<ObjectName> names;
    const auto handle = [&](const store::ObjectInfo& info) {
      if (info.size_bytes == mf1::k_slot_bytes && names.size() < k_slots_read_per_store) names.push_back(info.name);
    };
    try {
      store.list("mf1/slot/", handle, call);
    } catch (const Error& error) {
      if (names.empty() || error.kind == ErrorKind::cancelled) throw;
      log_warning(fmt::format("the slots cannot be listed completely: {}", error.what()));
    }
    for (const ObjectName& name : names) {
      auto bytes = store.get(name, {}, call);
      // Skips a damaged copy; another store may have a good one.
      if (!bytes || !transfer::fits_name(name, *bytes)) continue;
      try {
        mf1::Slot slot = mf1::parse_slot(*bytes);
        found.slots.push_back({name, *std::move(bytes), slot});
      } catch (const Error& error) {
        log_debug(error.what());  // a newer kind of slot, or other bytes under a valid name
      }
    }
    return found;
  }

  // Returns all roots that slots give which the secret opens.
  mf1::Keyring find_keys() {
    std::set<ObjectName> tried;
    bool any_slot = false;
    const auto try_slots = [&](const std::string& url, const Slots& found) {
      any_slot = any_slot || !found.slots.empty();
      std::size_t left_out = 0;
      for (const FoundSlot& slot : worth_trying(found.slots, secret_.kind(), found.pool, left_out)) {
        if (tried.insert(slot.name).second) try_slot(slot);
      }
      if (left_out > 0) {
        log_warning(fmt::format(
            "{} has more key slots for passphrases than are tried; the {} that cost most are left out", url, left_out));
      }
      return !found.slots.empty();
    };
    transfer::NeededWait needed(sources_.stores(), environment_.clock, options_.timeouts, transfer::CallKind::read);
    do {
      sources_.ask<Slots>(options_.timeouts.call_floor, read_slots, try_slots);
    } while (!any_slot && needed.wait(call_));
    if (several_pools_)
      throw Error(ErrorKind::invalid, "recover", "the stores belong to several pools, which this secret opens");
    if (!open_slots_.empty()) return roots_of_opened();
    if (!any_slot) throw Error(ErrorKind::offline, "recover", "no key slot was found on any of the stores");
    throw Error(ErrorKind::denied, "key, code or passphrase",
                "it opens none of the pool's key slots: is it the right one for these stores?");
  }

  void try_slot(const FoundSlot& found) {
    const bool is_of_this_pool = !open_slots_.empty() && open_slots_.front().keys.pool_id() == found.slot.pool;
    if (is_of_this_pool && !may_have_another_root(secret_.kind(), found.slot.id, opened_ids_)) return;
    try {
      ++slots_tried_;
      mf1::Keyring keys = opener_.open(found.bytes);
      if (!open_slots_.empty() && !is_of_this_pool) {
        several_pools_ = true;
        return;
      }
      opened_ids_.insert(found.slot.id);
      open_slots_.push_back({*found.name.hash(), std::move(keys)});
    } catch (const Error& error) {
      log_debug(error.what());  // a slot of another secret, or a damaged one
    }
  }

  mf1::Keyring roots_of_opened() const {
    std::optional<mf1::Keyring> keys;
    for (const OpenedSlot& slot : open_slots_) add_opened(keys, slot.keys);
    return keys.value();
  }

  // Forgets the slots that the log does not have, or has withdrawn. Returns whether there were any.
  bool keep_valid(const std::vector<SlotAdded>& valid) {
    return std::erase_if(open_slots_, [&](const OpenedSlot& opened) {
             return std::none_of(valid.begin(), valid.end(),
                                 [&](const SlotAdded& slot) { return slot.object == opened.object; });
           }) > 0;
  }

  // Reads the log. The log has the keys of older epochs, and with them more of it can be read, so
  // this repeats until all epochs are known.
  PoolState read_log(mf1::Keyring& keys) {
    const auto open = [this](const registry::StoreRow& row) { return make_store_(row.url); };
    transfer::StoreSet stores(borrowed_stores(keys),
                              {environment_.io, environment_.clock, keys.pool_tag(), open, options_.timeouts});
    Documents documents(environment_, stores);
    for (;;) {
      PoolLog log(environment_, keys, stores, documents);
      sync_ = log.sync(call_);
      const PoolState state = log.state();
      if (sync_.stores_read == 0 || state.heads.empty())
        throw Error(ErrorKind::offline, "recover", "no log could be read from these stores");
      if (add_older_epochs(keys, state)) continue;
      if (!has_all_epochs(keys, state))
        throw Error(ErrorKind::corrupt, "recover", "the log begins an epoch whose key is not in it");
      const std::vector<SlotAdded> valid = valid_slots(environment_.registry);
      // Where records are missing, the one that added a slot may be among them.
      if (log.doubts().empty() && keep_valid(valid)) {
        if (open_slots_.empty()) {
          throw Error(ErrorKind::denied, "key, code or passphrase",
                      "it was withdrawn: this pool is not opened by it any more");
        }
        // What only such a slot gave is not written with.
        keys = roots_of_opened();
        continue;
      }
      for (const SlotAdded& slot : valid) keep_slot(stores, ObjectName::of(ObjectType::slot, slot.object));
      return state;
    }
  }

  static bool has_all_epochs(const mf1::Keyring& keys, const PoolState& state) {
    return std::all_of(state.epochs.begin(), state.epochs.end(), [&](const EpochBegun& begun) {
      return std::all_of(begun.wrapped.begin(), begun.wrapped.end(),
                         [&](const WrappedRoot& root) { return keys.has_epoch(root.epoch); });
    });
  }

  void keep_slot(transfer::StoreSet& stores, const ObjectName& name) {
    if (const auto bytes = transfer::read_object(stores, name, false, {}, call_))
      environment_.registry.keep_document(name.path(), *bytes);
  }

  // Returns the given stores with the ids in their markers. Leaves out stores without a marker of
  // this pool.
  std::vector<registry::StoreRow> borrowed_stores(const mf1::Keyring& keys) {
    std::vector<registry::StoreRow> stores;
    const auto handle = [&](const std::string& url, const std::optional<mf1::Marker>& marker) {
      if (!marker || marker->pool != keys.pool_tag()) {
        log_warning(url + " is not a store of this pool and is left out");
        return false;
      }
      ids_[url] = marker->store;
      stores.push_back({marker->store, url, url, url, 0, {}});
      return true;
    };
    sources_.read_markers(handle);
    return stores;
  }

  // Writes the stores of the log into the registry, with the addresses where they were found now.
  std::uint64_t write_stores(const PoolState& state) {
    std::map<StoreId, std::string> found;
    for (const auto& [url, id] : ids_) found[id] = url;
    const UtcTime now = environment_.clock.utc_now();
    // These stores are not in the log, or were removed from the pool.
    std::map<StoreId, std::string> others;
    for (const auto& [id, url] : found) {
      if (!state.stores.contains(id)) others.emplace(id, fmt::format("recovered-{}", others.size() + 1));
    }
    const auto names = shown_store_names(state.stores, others);
    for (const auto& [id, added] : state.stores) {
      const auto place = found.find(id);
      environment_.registry.put_store({id, names.at(id), place == found.end() ? added.url : place->second, added.domain,
                                       added.capacity_bytes, now, added.use});
    }
    for (const auto& [id, name] : others) {
      const std::string& url = found.at(id);
      environment_.registry.put_store({id, names.at(id), url, url, 0, now});
    }
    return environment_.registry.stores().size();
  }

  std::unique_ptr<store::Store> open_store(const registry::StoreRow& row) {
    auto measured = store::make_measured(make_store_(row.url), environment_.clock);
    opened_.push_back(measured.get());
    return measured;
  }

  // Adds what interrupted pushes have stored to the registry, as update_catalogue() does for
  // committed models. Skips manifests that cannot be read now.
  void index_prepared(Pool& pool, const PoolState& state) {
    ManifestReader reader(pool, {}, call_);
    for (const auto& [content, live] : state.manifests) {
      if (live.committed) continue;
      try {
        index_manifest(pool, reader, reader.root(live));
      } catch (const Error& error) {
        if (error.kind == ErrorKind::cancelled) throw;
        log_debug(error.what());
      }
    }
  }

  // Fills the registry's shard locations from the listings of the stores.
  transfer::Inventory list_shards(Pool& pool) {
    transfer::Inventory inventory =
        transfer::take_inventory(pool.stores(), environment_.registry, {"mf1/shard/"}, call_);
    for (const transfer::Inventory::Store& listed : inventory.stores()) {
      if (!listed.trouble.empty())
        log_warning(fmt::format("{} cannot be listed: {}", listed.store->name, listed.trouble));
    }
    transfer::record_shard_places(inventory, environment_.registry);
    return inventory;
  }

  void add_own_slot(Pool& pool) {
    if (const std::string why = pool.log().why_read_only(); !why.empty()) {
      log_warning(
          fmt::format("this pool can only be read here: {}. Only this home knows that its key opens the pool", why));
      make_home_slot(environment_, pool.keys(), *options_.own_secret);
      return;
    }
    try {
      add_slot(pool, *options_.own_secret, call_);
    } catch (const Error& error) {
      // Few stores may be enough for reading and too few for writing. The slot is in this home, and
      // the other stores get it when they are back.
      if (error.kind != ErrorKind::offline) throw;
      log_warning(error.what());
    }
  }

  std::uint64_t bytes_read() const {
    std::uint64_t sum = sources_.bytes_read();
    for (const auto* store : opened_) sum += store->measurements().get.bytes;
    return sum;
  }

  const Environment& environment_;
  const mf1::SlotSecret& secret_;
  const StoreMaker& make_store_;
  const RecoverOptions& options_;
  const CallOptions& call_;
  const SteadyTime begin_;
  StoresByAddress sources_;
  struct OpenedSlot {
    Hash256 object{};
    mf1::Keyring keys;  // its one root
  };
  std::vector<OpenedSlot> open_slots_;
  mf1::SlotOpener opener_{secret_};
  std::set<mf1::SlotId> opened_ids_;
  bool several_pools_ = false;
  std::size_t slots_tried_ = 0;
  Freshness sync_;  // the last reading of the log
  // The ids of those given stores that belong to the pool, by URL.
  std::map<std::string, StoreId> ids_;
  std::vector<const store::MeasuredStore*> opened_;  // owned by the pool of run()
};

}  // namespace

RecoverResult recover(const Environment& environment, const mf1::SlotSecret& secret, std::vector<RecoverSource> sources,
                      const StoreMaker& make_store, const RecoverOptions& options, const CallOptions& call) {
  return Recovery(environment, secret, std::move(sources), make_store, options, call).run();
}

}  // namespace modelfloat::engine
