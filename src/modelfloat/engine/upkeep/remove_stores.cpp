#include "modelfloat/engine/upkeep/remove_stores.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/engine/upkeep/document_copies.h"
#include "modelfloat/engine/upkeep/document_repair.h"
#include "modelfloat/engine/upkeep/pool_survey.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {
namespace {

using Stores = std::set<const transfer::PoolStore*>;

std::string names_of(const Stores& stores, std::string_view between = ", ") {
  std::vector<std::string> names;
  for (const auto* store : stores) names.push_back(store->name);
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, between));
}

// Decides from new listings whether the models can be read without these stores.
class RemovalCheck {
 public:
  RemovalCheck(Pool& pool, const Stores& leaving, const StoreRemovalOptions& options, const CallOptions& call)
      : leaving_(leaving),
        options_(options),
        inventory_(transfer::take_inventory(pool.stores(), pool.registry(), {"mf1/"}, call)),
        documents_(pool.registry(), inventory_) {
    for (const transfer::Inventory::Store& listed : inventory_.stores()) {
      if (!listed.is_complete && !leaving.contains(listed.store)) away_.push_back(listed.store->name);
    }
  }

  // Returns a text such as "s3 cannot be listed: try again when ...".
  std::string what_helps() const {
    return fmt::format(
        "{} cannot be listed: try again when they are back, or take out at once what is gone for good: "
        "modelfloat store rm {} {}",
        fmt::join(away_, ", "), names_of(leaving_, " "), fmt::join(away_, " "));
  }

  const transfer::Inventory& inventory() const noexcept { return inventory_; }

  // Returns those of the documents of which a leaving store has a good copy, and no staying one.
  std::set<ObjectName> only_on_leaving(const std::set<ObjectName>& documents) const {
    std::set<ObjectName> found;
    for (const ObjectName& name : documents) {
      const auto having = documents_.good(name);
      const auto leaves = [&](const auto* store) { return leaving_.contains(store); };
      if (!having.empty() && std::all_of(having.begin(), having.end(), leaves)) found.insert(name);
    }
    return found;
  }

  // Names of staying stores that could not be listed.
  const std::vector<std::string>& away() const noexcept { return away_; }

  // Returns whether the pack loses shards, and so survives fewer lost stores than before. Throws
  // Error{invalid} when it could not be read any more, or unless forced, when it would not keep its
  // promise; and Error{offline} when that cannot be decided. False for a pack without shards on the
  // leaving stores. Parity shards that were added later do not count.
  bool loses_shards(const Pack& pack, const std::string& model) const {
    std::size_t left = 0;
    std::size_t lost = 0;
    // With k = 1 all shards are copies of one object.
    const std::size_t objects = pack.k == 1 ? 1 : pack.shard_count();
    const std::size_t wanted = pack.shard_count() / objects;  // copies of each
    for (std::size_t index = 0; index < objects; ++index) {
      const Holders holders = holders_of(pack, index);
      left += std::min(holders.elsewhere, wanted);
      lost += holders.elsewhere < wanted && holders.may_leave ? 1 : 0;
    }
    if (lost > 0 && left < pack.k) refuse(model);
    // Also where each shard has another copy: those may lie together.
    const auto may_go = domains_may_go(all_holders(pack, false), pack);
    const bool survives_less = lost > 0 || may_go < domains_may_go(all_holders(pack, true), pack);
    if (!survives_less) return false;
    const bool keeps_promise = may_go && *may_go >= pack.survive;
    if (!keeps_promise && !options_.force) refuse_to_break_promise(model);
    return !keeps_promise;
  }

 private:
  struct Holders {
    std::size_t elsewhere = 0;  // staying, completely listed stores that have it
    bool may_leave = false;     // a leaving store has it, or may have it
  };
  Holders holders_of(const Pack& pack, std::size_t index) const {
    const auto stores = inventory_.holders(pack, index);
    const auto stays = [&](const auto* store) { return !leaving_.contains(store) && inventory_.complete(*store); };
    return {static_cast<std::size_t>(std::count_if(stores.begin(), stores.end(), stays)),
            !leaving_with(pack, index).empty() || std::any_of(leaving_.begin(), leaving_.end(), [&](const auto* store) {
              return !inventory_.complete(*store);
            })};
  }

  // The leaving stores that list the shard, or gave a list and have the shard as far as is known: a
  // list may lack what is new.
  Stores leaving_with(const Pack& pack, std::size_t index) const {
    Stores having;
    const auto listed = inventory_.holders(pack, index);
    const auto copies = inventory_.copies(pack.shard_name(index));
    for (const auto* store : leaving_) {
      const bool is_remembered = std::any_of(copies.begin(), copies.end(), [&](const transfer::InventoryCopy& copy) {
        return copy.store == store && copy.remembered == registry::CopyState::whole;
      });
      const bool is_listed = std::find(listed.begin(), listed.end(), store) != listed.end();
      if (is_listed || (is_remembered && inventory_.complete(*store))) having.insert(store);
    }
    return having;
  }

  // Of each shard, with k = 1 of each copy.
  std::vector<std::vector<const transfer::PoolStore*>> all_holders(const Pack& pack, bool with_leaving) const {
    std::vector<std::vector<const transfer::PoolStore*>> holders;
    for (std::size_t index = 0; index < (pack.k == 1 ? 1 : pack.shard_count()); ++index) {
      auto stores = inventory_.holders(pack, index);
      std::erase_if(stores, [&](const auto* store) { return leaving_.contains(store); });
      if (with_leaving) {
        const Stores having = leaving_with(pack, index);
        stores.insert(stores.end(), having.begin(), having.end());
      }
      if (pack.k > 1) {
        holders.push_back(std::move(stores));
        continue;
      }
      for (const auto* store : stores) holders.push_back({store});
    }
    return holders;
  }

  [[noreturn]] void refuse_to_break_promise(const std::string& model) const {
    const std::string names = names_of(leaving_, " ");
    if (!away_.empty())
      throw Error(ErrorKind::offline, names_of(leaving_),
                  fmt::format("whether {} would survive less than was promised without that cannot be told while {}",
                              model, what_helps()));
    throw Error(ErrorKind::invalid, names_of(leaving_),
                fmt::format("{} would survive the loss of fewer failure domains than was promised. modelfloat store "
                            "drain copies what a store has to the others; for a store that is gone, modelfloat repair "
                            "does. Or take it out all the same: modelfloat store rm --force {}",
                            model, names));
  }

  [[noreturn]] void refuse(const std::string& model) const {
    if (away_.empty()) {
      throw Error(
          ErrorKind::invalid, names_of(leaving_),
          fmt::format("{} could not be read any more without {}: keep {}, or remove the model first", model,
                      leaving_.size() == 1 ? "this store" : "these stores", leaving_.size() == 1 ? "it" : "them"));
    }
    throw Error(ErrorKind::offline, names_of(leaving_),
                fmt::format("whether {} could be read without that cannot be told while {}", model, what_helps()));
  }

  const Stores& leaving_;
  const StoreRemovalOptions& options_;
  const transfer::Inventory inventory_;
  const DocumentCopies documents_;
  std::vector<std::string> away_;
};

// Copies to the staying stores what they lack. Throws Error{offline} when some documents would be on
// no store any more.
void keep_documents(Pool& pool, const RemovalCheck& check, const std::set<ObjectName>& documents, const Stores& leaving,
                    const StoreRemovalOptions& options, const CallOptions& call) {
  if (pool.stores().all().size() == leaving.size()) return;
  const auto to_copy = check.only_on_leaving(documents);
  if (to_copy.empty()) return;
  repair_documents(RepairContext(pool), check.inventory(), to_copy, false, call);
  const RemovalCheck now(pool, leaving, options, call);
  const auto left = now.only_on_leaving(to_copy);
  if (left.empty()) return;
  throw Error(ErrorKind::offline, names_of(leaving),
              fmt::format("{} documents of the pool are on no other store ({} is one): try again when the others are "
                          "back, and can be written to",
                          left.size(), left.begin()->path()));
}

bool is_committed(const PoolState& state, const Hash256& content) {
  const auto found = state.manifests.find(content);
  return found != state.manifests.end() && found->second.committed;
}

// What the models of a state need.
struct Needs {
  std::set<std::string> at_risk;  // models that lose shards
  std::set<ObjectName> documents;
};

void add_needs_of(Pool& pool, const RemovalCheck& check, const LiveManifest& live, Needs& needs,
                  const CallOptions& call) {
  for (ObjectName& name : documents_of(pool, live.manifest, call)) needs.documents.insert(std::move(name));
  ManifestReader reader(pool, {}, call);
  const ManifestRoot root = reader.root(live);
  for (std::size_t index = 0; index < root.segments.size(); ++index) {
    for (const Pack& pack : reader.segment(root, index).structure.packs) {
      if (check.loses_shards(pack, live.model)) needs.at_risk.insert(live.model);
    }
  }
}

// Of the committed manifests that are not in `known`. Throws as RemovalCheck::loses_shards() does,
// and Error{lost} for a model of which it cannot be told what it needs.
Needs needs_of(Pool& pool, const RemovalCheck& check, const PoolState& state, const PoolState& known,
               const CallOptions& call) {
  Needs needs;
  for (const LiveManifest* live : current_manifests(state)) {
    if (is_committed(known, live->manifest.content)) continue;
    try {
      add_needs_of(pool, check, *live, needs, call);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::lost && error.kind != ErrorKind::corrupt) throw;
      throw Error(
          error.kind, live->model,
          fmt::format("what it needs cannot be told, so no store is taken out: {}. modelfloat rm {} gives it up",
                      error.what(), live->model));
    }
  }
  return needs;
}

// A push that did not know of the removal may have been committed since `before`, with shards on
// the stores that leave, and other stores may have been removed. When the stores are needed by now,
// they are put back into the pool, and Error{transient} is thrown. A
// push that is committed later knows of the removal.
void look_again(Pool& pool, const Stores& leaving, const PoolState& before, std::set<std::string>& at_risk,
                const StoreRemovalOptions& options, const CallOptions& call) {
  catch_up(pool, {.log = LogReading::all}, call);
  const PoolState now = pool.log().state();
  const bool is_new = std::any_of(now.manifests.begin(), now.manifests.end(), [&](const auto& entry) {
    return entry.second.committed && !is_committed(before, entry.first);
  });
  // Each of two removals may have counted on what the other takes away.
  Stores gone = leaving;
  for (const auto* store : pool.stores().all()) {
    if (before.stores.contains(store->id) && !now.stores.contains(store->id)) gone.insert(store);
  }
  const bool others_left = gone.size() > leaving.size();
  if (!is_new && !others_left) return;
  try {
    const RemovalCheck check(pool, gone, options, call);
    Needs needs = needs_of(pool, check, now, others_left ? PoolState() : before, call);
    keep_documents(pool, check, needs.documents, gone, options, call);
    at_risk.merge(needs.at_risk);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    std::vector<Change> changes;
    for (const auto* store : leaving) changes.emplace_back(before.stores.at(store->id));
    pool.log().append_if_possible(std::move(changes), call);
    throw Error(
        ErrorKind::transient, names_of(leaving),
        std::string("stays in the pool, since a push was committed or another store was taken out meanwhile: ") +
            error.what());
  }
}

}  // namespace

StoreRemoval remove_stores(Pool& pool, const std::vector<std::string>& names, const StoreRemovalOptions& options,
                           const CallOptions& call) {
  store_ids(pool, names);  // an unknown name needs no waiting
  // Also of what other machines have taken out: that holds nothing any more.
  const bool fresh = warn_unless_fresh(
      catch_up(pool, {.log = LogReading::all, .catalogue = true, .decided = MarkerWait::full}, call),
      fmt::format("models that are known only there are not looked at, and may need {}", fmt::join(names, ", ")));
  Stores leaving;
  for (const StoreId& id : store_ids(pool, names)) leaving.insert(pool.stores().find(id));
  const std::string leaving_names = names_of(leaving);
  std::set<std::string> at_risk;
  const PoolState state = pool.log().state();
  {
    const RemovalCheck check(pool, leaving, options, call);
    if (!fresh && !check.away().empty()) {
      throw Error(
          ErrorKind::offline, leaving_names,
          "too few stores answer to know all models, so what needs this cannot be told while " + check.what_helps());
    }
    Needs needs = needs_of(pool, check, state, {}, call);
    needs.documents.merge(pool.log().expected_objects());
    for (const SlotAdded& slot : valid_slots(pool.registry()))
      needs.documents.insert(ObjectName::of(ObjectType::slot, slot.object));
    keep_documents(pool, check, needs.documents, leaving, options, call);
    at_risk = std::move(needs.at_risk);
  }
  std::vector<StoreId> ids;
  for (const auto* store : pool.stores().all()) {
    if (leaving.contains(store)) ids.push_back(store->id);
  }
  std::vector<Change> changes;
  for (const StoreId& id : ids) changes.emplace_back(StoreRemoved{id});
  const bool durable = pool.log().append_if_possible(std::move(changes), call);
  look_again(pool, leaving, state, at_risk, options, call);
  for (const StoreId& id : ids) pool.registry().remove_store(id);
  pool.stores().set_rows(pool.registry().stores());
  return {{at_risk.begin(), at_risk.end()}, durable && fresh};
}

}  // namespace modelfloat::engine
