#include "modelfloat/engine/catalogue/model_health.h"

#include <optional>
#include <set>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/manifest/manifest_reader.h"

namespace modelfloat::engine {
namespace {

// The number of packs of a model that are in memory at once.
constexpr std::size_t k_packs_at_once = 256;

struct ModelLocations {
  Health health = Health::sound;
  std::set<StoreId> stores;
  std::set<ShardSearch::Wanted> wanted;  // shards to search for before more is known
};

void add(ModelLocations& locations, const std::vector<ShardLocations>& shards, const Pack& pack) {
  locations.health = worse(locations.health, pack_health(shards, pack));
  const auto wanted = shards_to_look_for(shards, pack);
  locations.wanted.insert(wanted.begin(), wanted.end());
  for (const ShardLocations& shard : shards) {
    for (const auto* store : shard.online) locations.stores.insert(store->id);
    for (const auto* store : shard.offline) locations.stores.insert(store->id);
  }
}

// A model without packs is stored in its manifest, which every store holds.
void add_stores_of_manifest(ModelLocations& locations, Pool& pool) {
  if (!locations.stores.empty()) return;
  for (const auto* store : pool.stores().online()) locations.stores.insert(store->id);
}

// Uses the packs in the registry; nullopt when some packs of the manifest are not in it.
std::optional<ModelLocations> locations_by_registry(Pool& pool, const ManifestId& manifest) {
  ModelLocations locations;
  for (std::uint64_t first = 0;; first += k_packs_at_once) {
    const auto packs = pool.registry().located_packs(manifest.content, first, k_packs_at_once);
    if (!packs) return std::nullopt;
    for (const auto& located : *packs) add(locations, shard_locations(pool, located), located.pack);
    if (packs->size() < k_packs_at_once) break;
  }
  add_stores_of_manifest(locations, pool);
  return locations;
}

// Reads the packs from the manifest itself.
ModelLocations locations_by_manifest(Pool& pool, const ManifestId& manifest, const CallOptions& call) {
  ModelLocations locations;
  try {
    ManifestReader reader(pool, {}, call);
    const ManifestRoot root = reader.root(manifest);
    for (std::size_t index = 0; index < root.segments.size(); ++index) {
      for (const Pack& pack : reader.segment(root, index).structure.packs)
        add(locations, shard_locations(pool, pack), pack);
    }
    add_stores_of_manifest(locations, pool);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    log_warning(error.what());
    locations.health = worse(locations.health, Health::unknown);
  }
  return locations;
}

ModelLocations known_locations(Pool& pool, const ManifestId& manifest, const CallOptions& call) {
  auto indexed = locations_by_registry(pool, manifest);
  return indexed ? *std::move(indexed) : locations_by_manifest(pool, manifest, call);
}

}  // namespace

std::vector<ModelHealth> health_of_models(Pool& pool, std::span<const ModelSummary> models, AskStores ask,
                                          const CallOptions& call) {
  catch_up(pool, {.decided = MarkerWait::straggler}, call);
  std::vector<ModelLocations> all_locations;
  std::set<ShardSearch::Wanted> wanted;
  for (const ModelSummary& model : models) {
    all_locations.push_back(known_locations(pool, model.manifest, call));
    wanted.insert(all_locations.back().wanted.begin(), all_locations.back().wanted.end());
  }
  if (ask == AskStores::yes && !wanted.empty() && pool.shard_search().run(wanted, call)) {
    for (std::size_t i = 0; i < models.size(); ++i) {
      if (!all_locations[i].wanted.empty()) all_locations[i] = known_locations(pool, models[i].manifest, call);
    }
  }
  std::vector<ModelHealth> health;
  for (const ModelLocations& locations : all_locations) health.push_back({locations.health, locations.stores.size()});
  return health;
}

ModelHealth health_of_model(Pool& pool, const ModelSummary& model, AskStores ask, const CallOptions& call) {
  return health_of_models(pool, {&model, 1}, ask, call).front();
}

}  // namespace modelfloat::engine
