#include "modelfloat/engine/catalogue/model_health.h"

#include <set>
#include <string>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/manifest/manifest_reader.h"

namespace modelfloat::engine {
namespace {

struct ModelLocations {
  Health health = Health::sound;
  std::set<std::string> stores;
  std::set<ShardSearch::Wanted> wanted;  // what has to be looked for before more can be said
};

ModelLocations known_locations(Pool& pool, const ManifestId& manifest, const CallOptions& call) {
  ModelLocations locations;
  try {
    ManifestReader reader(pool, {}, call);
    const ManifestRoot root = reader.root(manifest);
    for (std::size_t index = 0; index < root.segments.size(); ++index) {
      for (const Pack& pack : reader.segment(root, index).structure.packs) {
        const auto shards = shard_locations(pool, pack);
        locations.health = worse(locations.health, pack_health(shards, pack));
        const auto wanted = shards_to_look_for(shards, pack);
        locations.wanted.insert(wanted.begin(), wanted.end());
        for (const ShardLocations& shard : shards) {
          for (const auto* store : shard.online) locations.stores.insert(store->name);
          for (const auto* store : shard.offline) locations.stores.insert(store->name);
        }
      }
    }
    // A model without packs lies in its manifest, which is on every store.
    if (locations.stores.empty()) {
      for (const auto* store : pool.stores().online()) locations.stores.insert(store->name);
    }
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    log_warning(error.what());
    locations.health = worse(locations.health, Health::unknown);
  }
  return locations;
}

}  // namespace

std::vector<ModelHealth> health_of_models(Pool& pool, std::span<const ModelSummary> models, AskStores ask,
                                          const CallOptions& call) {
  pool.stores().wait_until_decided(call, pool.stores().timeouts().straggler);
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
