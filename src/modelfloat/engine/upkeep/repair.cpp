#include "modelfloat/engine/upkeep/repair.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/engine/upkeep/document_repair.h"
#include "modelfloat/engine/upkeep/pack_repair.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/ask/copy_check.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {
namespace {

using registry::CopyState;
using transfer::Inventory;
using transfer::InventoryCopy;
using transfer::PoolStore;
using transfer::ShardPlace;

class Repair {
 public:
  Repair(Pool& pool, const RepairOptions& options, const CallOptions& call)
      : pool_(pool), options_(options), call_(call) {}

  RepairReport run() {
    catch_up_and_list();
    read_manifests();
    restore_documents();
    std::vector<PackToRepair> tasks = plan();
    if (options_.dry_run) {
      for (const PackToRepair& task : tasks) count(task);
      return std::move(report_);
    }
    for (const PackToRepair& task : tasks) bytes_to_write_ += task.bytes_to_write();
    // Those for which a store failed in between are tried once more, with the stores that are left.
    tasks = repair(std::move(tasks), false);
    tasks = repair(std::move(tasks), true);
    report_.packs_below_promise += tasks.size();
    for (const PackToRepair& task : tasks) report_.shards_left += task.missing.size();
    read_back();
    std::sort(report_.unrepairable.begin(), report_.unrepairable.end());
    return std::move(report_);
  }

 private:
  struct PackFacts {
    Pack pack;
    std::set<Hash256> manifests;  // by content name
  };

  void catch_up_and_list() {
    pool_.log().try_unreadable_again();
    const Freshness sync = catch_up(pool_, {.log = LogReading::thorough, .decided = MarkerWait::full}, call_);
    if (!sync.fresh)
      report_.doubts.push_back(unread_text(sync) + ": models that are known only there were not looked at");
    for (std::string& doubt : pool_.log().doubts()) report_.doubts.push_back(std::move(doubt));
    catch_up(pool_, {.catalogue = true}, call_);
    state_ = pool_.log().state();
    if (options_.model && std::none_of(state_.manifests.begin(), state_.manifests.end(), [&](const auto& entry) {
          return entry.second.committed && entry.second.model == *options_.model;
        })) {
      report_unknown_model(*options_.model, sync.fresh);
    }
    inventory_.emplace(transfer::take_inventory(pool_.stores(), pool_.registry(), {"mf1/"}, call_));
    bool any = false;
    for (const Inventory::Store& listed : inventory_->stores()) {
      any = any || listed.is_complete;
      if (listed.is_complete || !listed.store->is_online()) continue;
      report_.doubts.push_back(fmt::format("{} could not be listed ({}): what it should have was not written again",
                                           listed.store->name, listed.trouble));
    }
    if (!any) throw Error(ErrorKind::offline, "repair", "no store can be listed now");
    transfer::learn_stray_shards(pool_.stores(), pool_.registry(), inventory_->stray(), call_);
  }

  void read_manifests() {
    const auto superseded = superseded_manifests(state_);
    for (const auto& [content, live] : state_.manifests) {
      if (!live.committed || superseded.contains(content) || (options_.model && live.model != *options_.model))
        continue;
      try {
        for (ObjectName& name : documents_of(pool_, live.manifest, call_)) documents_.insert(std::move(name));
        ManifestReader reader(pool_, {}, call_);
        const ManifestRoot root = reader.root(live);
        for (std::size_t index = 0; index < root.segments.size(); ++index) {
          for (const Pack& pack : reader.segment(root, index).structure.packs)
            packs_.try_emplace(pack.id, PackFacts{pack, {}}).first->second.manifests.insert(content);
        }
      } catch (const Error& error) {
        if (error.kind == ErrorKind::cancelled) throw;
        report_.doubts.push_back(fmt::format("{} cannot be checked: {}", live.model, error.what()));
      }
    }
  }

  void restore_documents() {
    if (!options_.model) {
      for (const SlotAdded& slot : valid_slots(pool_.registry()))
        documents_.insert(ObjectName::of(ObjectType::slot, slot.object));
      documents_.merge(pool_.log().expected_objects());
    }
    const DocumentRepair done = repair_documents(pool_, *inventory_, documents_, options_.dry_run, call_);
    report_.documents_written = done.written;
    report_.bytes_written = done.bytes_written;
    for (const std::string& doubt : done.doubts) report_.doubts.push_back(doubt);
  }

  // Where the shards of a pack are. Of several copies the one counts whose domain has least of the
  // pack.
  struct Spread {
    std::vector<ShardPlace> lying;
    std::vector<std::size_t> missing;
    std::map<std::size_t, StoreId> prefer;  // where a missing shard was
    bool is_undecided = false;              // some may be on stores that could not be listed
    std::vector<ShardPlace> crowded;        // that are not in `lying`: see PackToRepair
  };

  Spread spread_of(const Pack& pack) const {
    Spread spread;
    std::map<std::string, unsigned> used;
    const auto least_used = [&](const PoolStore* a, const PoolStore* b) { return used[a->domain] < used[b->domain]; };
    std::set<const PoolStore*> taken;  // with k = 1
    const auto holders = holders_of(pack);
    for (const std::size_t index : fewest_holders_first(holders)) {
      auto stores = holders[index];
      if (pack.k == 1) std::erase_if(stores, [&](const PoolStore* one) { return taken.contains(one); });
      if (stores.empty()) {
        spread.missing.push_back(index);
        continue;
      }
      const PoolStore* chosen = *std::min_element(stores.begin(), stores.end(), least_used);
      taken.insert(chosen);
      ++used[chosen->domain];
      spread.lying.push_back({index, chosen->id, chosen->domain});
    }
    std::sort(spread.missing.begin(), spread.missing.end());
    for (const std::size_t index : spread.missing) look_where_it_was(pack, index, taken, spread);
    while (crowd_out(pack, spread)) {
    }
    return spread;
  }

  std::vector<std::vector<const PoolStore*>> holders_of(const Pack& pack) const {
    std::vector<std::vector<const PoolStore*>> holders;
    for (std::size_t index = 0; index < pack.shard_count(); ++index) {
      auto& stores = holders.emplace_back(inventory_->holders(pack, index));
      std::erase_if(stores, [&](const PoolStore* store) { return options_.leaving.contains(store->id); });
    }
    return holders;
  }

  void look_where_it_was(const Pack& pack, std::size_t index, const std::set<const PoolStore*>& taken,
                         Spread& spread) const {
    for (const InventoryCopy& copy : inventory_->copies(pack.shard_name(index))) {
      const bool may_be_there = !copy.is_decided && copy.store->is_online() && copy.remembered == CopyState::whole;
      spread.is_undecided = spread.is_undecided || may_be_there;
      const bool is_preferred = std::any_of(spread.prefer.begin(), spread.prefer.end(),
                                            [&](const auto& one) { return one.second == copy.store->id; });
      if (copy.is_decided && copy.store->use == StoreUse::in_use && !taken.contains(copy.store) && !is_preferred)
        spread.prefer.try_emplace(index, copy.store->id);
    }
  }

  // Where the fullest domains have more of the pack than may be lost, takes a shard of the fullest.
  static bool crowd_out(const Pack& pack, Spread& spread) {
    std::vector<std::string> domains;
    std::map<std::string, unsigned> counts;
    for (const ShardPlace& place : spread.lying) {
      domains.push_back(place.domain);
      ++counts[place.domain];
    }
    if (placement::survives(domains, pack.m, pack.survive)) return false;
    const auto fullest = std::max_element(counts.begin(), counts.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
    if (fullest == counts.end() || fullest->second < 2) return false;
    const auto place = std::find_if(spread.lying.begin(), spread.lying.end(),
                                    [&](const ShardPlace& one) { return one.domain == fullest->first; });
    spread.crowded.push_back(*place);
    spread.lying.erase(place);
    return true;
  }

  std::vector<PackToRepair> plan() {
    struct Planned {
      std::optional<unsigned> domains_may_go;
      PackToRepair task;
    };
    std::vector<Planned> planned;
    for (const auto& [id, facts] : packs_) {
      ++report_.packs_checked;
      Spread spread = spread_of(facts.pack);
      std::vector<std::string> domains;
      for (const ShardPlace& place : spread.lying) domains.push_back(place.domain);
      const bool can_be_copied = std::all_of(spread.missing.begin(), spread.missing.end(), [&](std::size_t index) {
        return !inventory_->holders(facts.pack, index).empty();
      });
      for (const ShardPlace& place : spread.crowded) {
        spread.missing.push_back(place.index);
        domains.push_back(place.domain);
      }
      if (spread.missing.empty()) continue;
      if (spread.is_undecided) {
        ++report_.packs_below_promise;
        report_.shards_left += spread.missing.size();
        continue;
      }
      planned.push_back({placement::domains_may_go(domains, facts.pack.k),
                         {facts.pack, std::move(spread.missing), std::move(spread.lying), std::move(spread.prefer),
                          std::move(spread.crowded), can_be_copied}});
    }
    std::stable_sort(planned.begin(), planned.end(),
                     [](const Planned& a, const Planned& b) { return a.domains_may_go < b.domains_may_go; });
    std::vector<PackToRepair> tasks;
    for (Planned& one : planned) tasks.push_back(std::move(one.task));
    return tasks;
  }

  void count(const PackToRepair& task) {
    if (task.lying.size() < task.pack.k && transfer::later_parity(pool_.registry(), task.pack).empty()) {
      is_unrepairable(task.pack);
      return;
    }
    if (report_.bytes_read + report_.bytes_written + task.bytes_to_read() + task.bytes_to_write() >
        options_.budget_bytes) {
      ++report_.packs_below_promise;
      report_.shards_left += task.missing.size();
      return;
    }
    ++report_.packs_repaired;
    report_.shards_written += task.missing.size();
    report_.bytes_read += task.bytes_to_read();
    report_.bytes_written += task.bytes_to_write();
  }

  // Returns the packs for which stores failed in between.
  std::vector<PackToRepair> repair(std::vector<PackToRepair> tasks, bool may_spread_less_after_failures) {
    std::vector<PackToRepair> again;
    if (tasks.empty()) return again;
    PackRepair packs(pool_, transfer::ask_targets(pool_.stores(), call_), call_);
    const std::uint64_t read_before = report_.bytes_read;
    const std::uint64_t written_before = report_.bytes_written;
    std::uint64_t promised = read_before + written_before;  // of the packs that were begun
    const auto take = [&](std::size_t index) -> std::optional<PackToRepair> {
      if (index >= tasks.size()) return std::nullopt;
      promised += tasks[index].bytes_to_read() + tasks[index].bytes_to_write();
      if (promised > options_.budget_bytes) return std::nullopt;
      return tasks[index];
    };
    auto first = take(0);
    if (first) packs.begin(*std::move(first));
    std::size_t index = 0;
    for (; packs.has_begun(); ++index) {
      const PackToRepair& task = tasks[index];
      const auto outcome = packs.finish(may_spread_less_after_failures || !failed_, take(index + 1));
      report_.bytes_read = read_before + packs.bytes_read();
      report_.bytes_written = written_before + packs.bytes_written();
      if (outcome == PackRepair::Outcome::no_room && !may_spread_less_after_failures) {
        failed_ = true;
        again.push_back(task);
      } else {
        ended(task, outcome, packs.places());
      }
      if (options_.progress) options_.progress(report_.bytes_written, bytes_to_write_ + written_before);
    }
    report_.packs_below_promise += tasks.size() - index;  // beyond the budget
    for (std::size_t left = index; left < tasks.size(); ++left) report_.shards_left += tasks[left].missing.size();
    if (index < tasks.size())
      report_.doubts.push_back(fmt::format("the budget is used up: {} packs are left", tasks.size() - index));
    return again;
  }

  void ended(const PackToRepair& task, PackRepair::Outcome outcome, const std::vector<ShardPlace>& places) {
    switch (outcome) {
      case PackRepair::Outcome::as_promised: ++report_.packs_repaired; break;
      case PackRepair::Outcome::less_spread:
        ++report_.packs_repaired;
        ++report_.packs_below_promise;
        break;
      case PackRepair::Outcome::no_better_place:
      case PackRepair::Outcome::no_room: ++report_.packs_below_promise; break;
      case PackRepair::Outcome::too_few_left: is_unrepairable(task.pack); break;
    }
    report_.shards_left += task.missing.size() - places.size();
    for (const ShardPlace& place : places) {
      const Hash256& object = task.pack.shard_name(place.index);
      pool_.registry().record_shard_copy(object, place.store, CopyState::whole);
      ++report_.shards_written;
      if (const PoolStore* store = pool_.stores().find(place.store);
          store != nullptr && !store->store->traits().lists_checksums)
        unproven_.push_back({ObjectName::of(ObjectType::shard, object), store, task.object_bytes()});
    }
    if (unproven_.size() * task.object_bytes() >= k_read_back_at_once) read_back();
  }

  void read_back() {
    transfer::check_copies(
        pool_.stores(), std::move(unproven_), call_,
        [this](const transfer::CopyToCheck& copy, std::optional<transfer::Damage> damage) {
          if (!damage) return;
          if (*damage != transfer::Damage::offline)
            pool_.registry().record_shard_copy(
                *copy.name.hash(), copy.store->id,
                *damage == transfer::Damage::corrupt ? CopyState::corrupt : CopyState::missing);
          report_.doubts.push_back(fmt::format("{} took {} and does not give it back: it is {}", copy.store->name,
                                               copy.name.path(), transfer::to_string(*damage)));
          ++report_.packs_below_promise;
        });
    unproven_.clear();
  }

  // Names the files that need the pack.
  void is_unrepairable(const Pack& pack) {
    report_.is_lost = report_.is_lost || inventory_->complete();
    for (const Hash256& content : packs_.at(pack.id).manifests) {
      const LiveManifest& live = state_.manifests.at(content);
      try {
        ManifestReader reader(pool_, {}, call_);
        const ManifestRoot root = reader.root(live);
        FileWalk walk(root);
        for (std::size_t index = 0; index < root.segments.size(); ++index) {
          const auto segment = reader.segment(root, index);
          for (const PlacedFragment& placed : walk.place(segment.content)) {
            const FrameRef* frame = placed.fragment->frame();
            if (frame == nullptr || frame->pack != pack.id) continue;
            Unrepairable one{live.model, root.files[placed.file].path, pack.id};
            if (report_.unrepairable.empty() || report_.unrepairable.back() != one)
              report_.unrepairable.push_back(std::move(one));
          }
        }
      } catch (const Error& error) {
        if (error.kind == ErrorKind::cancelled) throw;
        log_warning(error.what());
      }
    }
  }

  static constexpr std::uint64_t k_read_back_at_once = std::uint64_t{256} << 20;

  Pool& pool_;
  const RepairOptions& options_;
  const CallOptions& call_;
  PoolState state_;
  std::optional<Inventory> inventory_;
  std::map<PackId, PackFacts> packs_;
  std::set<ObjectName> documents_;
  std::uint64_t bytes_to_write_ = 0;
  bool failed_ = false;  // a store, while shards were put
  std::vector<transfer::CopyToCheck> unproven_;
  RepairReport report_;
};

}  // namespace

RepairReport repair(Pool& pool, const RepairOptions& options, const CallOptions& call) {
  return Repair(pool, options, call).run();
}

}  // namespace modelfloat::engine
