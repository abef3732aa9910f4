#include "modelfloat/engine/upkeep/maintenance_repair.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/upkeep/document_repair.h"
#include "modelfloat/engine/upkeep/repair_packs.h"
#include "modelfloat/engine/upkeep/stores_by_address.h"
#include "modelfloat/engine/upkeep/structures.h"
#include "modelfloat/engine/upkeep/unproven_documents.h"
#include "modelfloat/transfer/ask/copy_check.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {
namespace {

using registry::CopyState;
using transfer::Inventory;
using transfer::PoolStore;

class MaintenanceRepair {
 public:
  MaintenanceRepair(const Environment& environment, const mf1::MaintenanceKey& key,
                    const std::vector<MaintenanceStore>& given, const StoreMaker& make_store,
                    const MaintenanceOptions& options, const CallOptions& call)
      : environment_(environment),
        key_(key),
        given_(given),
        make_store_(make_store),
        options_(options),
        call_(call),
        stores_(find_stores(),
                {environment.io, environment.clock, key.pool_tag(),
                 [this](const registry::StoreRow& row) { return make_store_(row.url); }, options.timeouts}),
        documents_on_stores_(environment, stores_),
        context_(environment, stores_, documents_on_stores_) {}

  RepairReport run() {
    stores_.wait_until_decided(call_);
    list();
    structures_ = read_structures(context_, *inventory_, key_, doubts_, call_);
    report_unread_stores();
    learn_packs();
    choose_documents();
    if (options_.read) check_copies();
    restore_documents();
    restore_packs();
    for (std::string& doubt : doubts_.sentences()) report_.doubts.push_back(std::move(doubt));
    auto& lost = report_.unrepairable;
    std::sort(lost.begin(), lost.end());
    lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
    return std::move(report_);
  }

 private:
  registry::StoreRow row_of(const std::string& url, const StoreId& id) const {
    const auto given =
        std::find_if(given_.begin(), given_.end(), [&](const MaintenanceStore& one) { return one.url == url; });
    return {id, url, url, given->domain, given->capacity_bytes, environment_.clock.utc_now()};
  }

  // Returns the given stores that have a marker of the pool, and enters them in the registry.
  std::vector<registry::StoreRow> find_stores() {
    std::vector<RecoverSource> sources;
    for (const MaintenanceStore& one : given_) sources.push_back({one.url, make_store_(one.url)});
    StoresByAddress by_address(environment_, std::move(sources), options_.timeouts, call_);
    std::map<StoreId, std::string> found;
    std::set<std::string> answered;
    std::set<std::string> others;  // tags of other pools
    by_address.read_markers([&](const std::string& url, const std::optional<mf1::Marker>& marker) {
      answered.insert(url);
      if (!marker) {
        unread_.insert(url);
        report_.doubts.push_back(url + " is left out: it has no marker, so it is not known to be a store of the pool");
      } else if (marker->pool != key_.pool_tag()) {
        others.insert(to_hex(marker->pool));
        report_.doubts.push_back(fmt::format("{} is left out: it is a store of the pool {}, and not of {}", url,
                                             to_hex(marker->pool), to_hex(key_.pool_tag())));
      } else if (const auto [known, is_new] = found.try_emplace(marker->store, url); !is_new) {
        report_.doubts.push_back(fmt::format("{} is left out: it is the same store as {}", url, known->second));
      }
      return false;  // so that each may take its time
    });
    for (const MaintenanceStore& one : given_) {
      if (!answered.contains(one.url)) unread_.insert(one.url);
    }
    if (found.empty()) refuse(others);
    std::vector<registry::StoreRow> rows;
    for (const auto& [id, url] : found) rows.push_back(row_of(url, id));
    environment_.registry.transaction([&] {
      for (const registry::StoreRow& row : rows) environment_.registry.put_store(row);
    });
    return rows;
  }

  [[noreturn]] void refuse(const std::set<std::string>& others) const {
    if (others.empty())
      throw Error(ErrorKind::offline, "repair", "none of these stores can be read now and has a marker of the pool");
    throw Error(ErrorKind::denied, "maintenance key",
                fmt::format("it is for the pool {}, and the stores have the pool {}", to_hex(key_.pool_tag()),
                            fmt::join(others, ", ")));
  }

  void list() {
    inventory_.emplace(transfer::take_inventory(stores_, environment_.registry, {"mf1/"}, call_));
    bool any = false;
    for (const Inventory::Store& listed : inventory_->stores()) {
      any = any || listed.is_complete;
      if (listed.is_complete) continue;
      unread_.insert(listed.store->url);
      if (!listed.store->is_online()) continue;
      report_.doubts.push_back(fmt::format("{} could not be listed ({}): what it should have was not written again",
                                           listed.store->name, listed.trouble));
    }
    if (!any) throw Error(ErrorKind::offline, "repair", "no store can be listed now");
  }

  std::set<std::string> unread_domains() const {
    std::set<std::string> domains;
    for (const MaintenanceStore& one : given_) {
      if (unread_.contains(one.url)) domains.insert(one.domain);
    }
    return domains;
  }

  // A document that counts as durable is on more domains than may be lost.
  void report_unread_stores() {
    if (structures_.documents.empty()) {
      report_.doubts.emplace_back("no structure of a model was found that this key opens: nothing can be repaired");
    } else if (unread_domains().size() > structures_.may_be_lost) {
      report_.doubts.push_back(fmt::format("{} could not be read: models that are known only there were not looked at",
                                           fmt::join(unread_, ", ")));
    }
  }

  void learn_packs() {
    for (const auto& [id, pack] : structures_.packs) packs_.push_back(pack);
    environment_.registry.transaction([&] {
      for (const Pack& pack : packs_) environment_.registry.learn_pack(pack, {});
      transfer::record_shard_places(*inventory_, environment_.registry);
    });
    transfer::learn_stray_shards(stores_, environment_.registry, inventory_->stray(), call_);
  }

  void choose_documents() {
    const UnprovenDocuments unproven(context_, *inventory_, structures_, unread_domains());
    documents_ = unproven.choose(key_, options_.read, doubts_, call_);
    keep_where_sizes_differ();
    documents_.insert(structures_.documents.begin(), structures_.documents.end());
  }

  // What is kept in the registry is compared with the sizes that stores list. A structure was kept
  // when it was read; of contents a good copy is wanted only where one may be truncated.
  void keep_where_sizes_differ() {
    for (const ObjectName& name : structures_.documents) {
      if (name.type() != ObjectType::content) continue;
      std::set<std::uint64_t> sizes;
      for (const PoolStore* store : inventory_->expected_everywhere(name).having)
        sizes.insert(inventory_->listed_size(*store, name).value_or(0));
      if (sizes.size() < 2) continue;
      if (const auto bytes = transfer::read_object(stores_, name, false, records_damaged_documents(context_), call_))
        environment_.registry.keep_document(name.path(), *bytes);
    }
  }

  void check_copies() {
    std::vector<transfer::CopyToCheck> copies;
    for (const Pack& pack : packs_) {
      for (std::size_t index = 0; index < (pack.k == 1 ? 1 : pack.shard_count()); ++index) {
        for (const PoolStore* store : inventory_->holders(pack, index))
          copies.push_back({ObjectName::of(ObjectType::shard, pack.shard_name(index)), store,
                            mf1::k_header_bytes + pack.slice_bytes});
      }
    }
    for (const ObjectName& name : documents_) {
      for (const PoolStore* store : inventory_->expected_everywhere(name).having)
        copies.push_back({name, store, inventory_->listed_size(*store, name).value_or(0)});
    }
    std::map<std::string, std::uint64_t> unchecked;
    transfer::check_copies(stores_, std::move(copies), call_,
                           [&](const transfer::CopyToCheck& copy, std::optional<transfer::Damage> damage) {
                             if (!damage) return;
                             if (*damage == transfer::Damage::offline) {
                               ++unchecked[copy.store->name];
                             } else {
                               record(copy, *damage);
                             }
                           });
    for (const auto& [store, count] : unchecked)
      report_.doubts.push_back(fmt::format("{} objects on {} could not be read: it does not answer", count, store));
    // With what is known to be damaged now.
    inventory_.emplace(transfer::take_inventory(stores_, environment_.registry, {"mf1/"}, call_));
  }

  void record(const transfer::CopyToCheck& copy, transfer::Damage damage) {
    if (copy.name.type() != ObjectType::shard) {
      environment_.registry.record_document_copy(copy.name.path(), copy.store->id, false);
    } else {
      environment_.registry.record_shard_copy(
          *copy.name.hash(), copy.store->id,
          damage == transfer::Damage::corrupt ? CopyState::corrupt : CopyState::missing);
    }
  }

  void restore_documents() {
    const DocumentRepair done = repair_documents(context_, *inventory_, documents_, options_.repair.dry_run, call_);
    report_.documents_written = done.written;
    report_.bytes_written = done.bytes_written;
    for (const std::string& doubt : done.doubts) report_.doubts.push_back(doubt);
    for (const auto& [store, count] : done.not_taken)
      report_.doubts.push_back(fmt::format("{} has not taken {} documents: run this again", store, count));
  }

  void restore_packs() {
    const auto unrepairable = [this](const Pack& pack) {
      report_.unrepairable.push_back({"", "", pack.id});
      report_.is_lost = report_.is_lost || (inventory_->complete() && unread_.empty());
    };
    repair_packs(context_, *inventory_, packs_, options_.repair, unrepairable, report_, call_);
    const std::vector<Pack> again = packs_with_new_damage();
    if (again.empty()) return;
    inventory_.emplace(transfer::take_inventory(stores_, environment_.registry, {"mf1/shard/"}, call_));
    RepairReport second;
    second.bytes_read = report_.bytes_read;
    second.bytes_written = report_.bytes_written;
    repair_packs(context_, *inventory_, again, options_.repair, unrepairable, second, call_);
    report_.bytes_read = second.bytes_read;
    report_.bytes_written = second.bytes_written;
    report_.shards_written += second.shards_written;
    report_.shards_left += second.shards_left;
    report_.packs_below_promise += second.packs_below_promise;
    for (std::string& doubt : second.doubts) report_.doubts.push_back(std::move(doubt));
  }

  // Packs of which copies turned out to be damaged when others were made from them. Nobody
  // remembers that when this run is over.
  std::vector<Pack> packs_with_new_damage() const {
    std::set<Hash256> damaged;
    for (const Inventory::Store& listed : inventory_->stores()) {
      for (const Hash256& object : environment_.registry.damaged_shards(listed.store->id, CopyState::corrupt)) {
        if (!std::binary_search(listed.corrupt.begin(), listed.corrupt.end(), object)) damaged.insert(object);
      }
    }
    std::vector<Pack> packs;
    for (const Pack& pack : packs_) {
      if (std::any_of(pack.shards.begin(), pack.shards.end(),
                      [&](const Hash256& object) { return damaged.contains(object); }))
        packs.push_back(pack);
    }
    return packs;
  }

  const Environment& environment_;
  const mf1::MaintenanceKey& key_;
  const std::vector<MaintenanceStore>& given_;
  const StoreMaker& make_store_;
  const MaintenanceOptions& options_;
  const CallOptions& call_;
  RepairReport report_;
  std::set<std::string> unread_;  // URLs of given stores that did not answer or could not be listed
  GroupedDoubts doubts_;
  transfer::StoreSet stores_;
  Documents documents_on_stores_;
  const RepairContext context_;
  std::optional<Inventory> inventory_;
  Structures structures_;
  std::vector<Pack> packs_;
  std::set<ObjectName> documents_;
};

}  // namespace

RepairReport repair_with_maintenance_key(const Environment& environment, const mf1::MaintenanceKey& key,
                                         const std::vector<MaintenanceStore>& stores, const StoreMaker& make_store,
                                         const MaintenanceOptions& options, const CallOptions& call) {
  return MaintenanceRepair(environment, key, stores, make_store, options, call).run();
}

}  // namespace modelfloat::engine
