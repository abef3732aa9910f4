#include "modelfloat/engine/upkeep/pool_survey.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {

using transfer::Inventory;

bool read_log_thoroughly(Pool& pool, std::vector<std::string>& doubts, const CallOptions& call) {
  pool.log().try_unreadable_again();
  const Freshness sync = catch_up(pool, {.log = LogReading::thorough, .decided = MarkerWait::full}, call);
  if (!sync.fresh) doubts.push_back(unread_text(sync) + ": models that are known only there were not looked at");
  for (std::string& doubt : pool.log().doubts()) doubts.push_back(std::move(doubt));
  catch_up(pool, {.catalogue = true}, call);
  return sync.fresh;
}

static PoolState read_log(Pool& pool, const std::optional<std::string>& model, std::vector<std::string>& doubts,
                          const CallOptions& call) {
  const bool fresh = read_log_thoroughly(pool, doubts, call);
  PoolState state = pool.log().state();
  const auto is_known = [&](const auto& entry) { return entry.second.committed && entry.second.model == *model; };
  if (model && std::none_of(state.manifests.begin(), state.manifests.end(), is_known))
    report_unknown_model(*model, fresh);
  return state;
}

static Inventory list_stores(Pool& pool, std::vector<std::string>& doubts, const CallOptions& call) {
  Inventory inventory = transfer::take_inventory(pool.stores(), pool.registry(), {"mf1/"}, call);
  bool any = false;
  for (const Inventory::Store& listed : inventory.stores()) {
    any = any || listed.is_complete;
    if (listed.is_complete || !listed.store->is_online()) continue;
    doubts.push_back(fmt::format("{} could not be listed ({}): what it should have was not looked at",
                                 listed.store->name, listed.trouble));
  }
  if (!any) throw Error(ErrorKind::offline, "stores", "no store can be listed now");
  transfer::learn_stray_shards(pool.stores(), pool.registry(), inventory.stray(), call);
  return inventory;
}

static void read_manifest(Pool& pool, const LiveManifest& live, PoolSurvey& survey, const CallOptions& call) {
  for (ObjectName& name : documents_of(pool, live.manifest, call)) survey.documents.insert(std::move(name));
  ManifestReader reader(pool, {}, call);
  const ManifestRoot root = reader.root(live);
  for (std::size_t index = 0; index < root.segments.size(); ++index) {
    for (const Pack& pack : reader.segment(root, index).structure.packs)
      survey.packs.try_emplace(pack.id, NeededPack{pack, {}}).first->second.manifests.insert(live.manifest.content);
  }
}

PoolSurvey survey_pool(Pool& pool, const std::optional<std::string>& model, const CallOptions& call) {
  std::vector<std::string> doubts;
  PoolState state = read_log(pool, model, doubts, call);
  Inventory inventory = list_stores(pool, doubts, call);
  PoolSurvey survey{std::move(state), std::move(inventory), {}, {}, {}, std::move(doubts)};
  for (const LiveManifest* live : current_manifests(survey.state)) {
    if (model && live->model != *model) continue;
    try {
      read_manifest(pool, *live, survey, call);
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      survey.unread_models.insert(live->model);
      survey.doubts.push_back(fmt::format("{} cannot be checked: {}", live->model, error.what()));
    }
  }
  if (!model) {
    for (const SlotAdded& slot : valid_slots(pool.registry()))
      survey.documents.insert(ObjectName::of(ObjectType::slot, slot.object));
    survey.documents.merge(pool.log().expected_objects());
  }
  return survey;
}

std::set<StoreId> store_ids(Pool& pool, const std::vector<std::string>& names) {
  std::set<StoreId> ids;
  for (const std::string& name : names) {
    const transfer::PoolStore* store = pool.stores().find(name);
    if (store == nullptr) throw Error(ErrorKind::not_found, name, "no such store in this pool");
    ids.insert(store->id);
  }
  return ids;
}

}  // namespace modelfloat::engine
