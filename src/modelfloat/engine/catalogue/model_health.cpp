#include "modelfloat/engine/catalogue/model_health.h"

#include <algorithm>
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
  bool has_packs = false;
  unsigned survive = 0;  // the largest promise of the packs
  std::optional<unsigned> domains_may_go = {};
  std::optional<std::uint64_t> oldest_proof = {};  // 0: some copies were never proven
};

void add_proof(ModelLocations& locations, std::uint64_t proved_at) {
  locations.oldest_proof = std::min(locations.oldest_proof.value_or(proved_at), proved_at);
}

void add(ModelLocations& locations, const std::vector<ShardLocations>& shards, const Pack& pack) {
  locations.health = worse(locations.health, pack_health(shards, pack));
  const auto may_go = domains_may_go(shards, pack);
  locations.domains_may_go = locations.has_packs ? std::min(locations.domains_may_go, may_go) : may_go;
  locations.has_packs = true;
  locations.survive = std::max<unsigned>(locations.survive, pack.survive);
  for (const ShardLocations& shard : shards) {
    if (shard.index < pack.shard_count() && shard.oldest_proof) add_proof(locations, *shard.oldest_proof);
  }
  const auto wanted = shards_to_look_for(shards, pack);
  locations.wanted.insert(wanted.begin(), wanted.end());
  for (const ShardLocations& shard : shards) {
    for (const auto* store : shard.online) locations.stores.insert(store->id);
    for (const auto* store : shard.offline) locations.stores.insert(store->id);
  }
}

// Every store holds the manifest, as far as is known. A model without packs is stored in it. Of its
// documents one stands for all: the content root, which is put last.
void add_manifest(ModelLocations& locations, Pool& pool, const ManifestId& manifest) {
  const std::string root = ObjectName::of(ObjectType::content, manifest.content).path();
  const auto lacking = pool.registry().stores_without_document(root);
  const std::uint64_t now = unix_seconds(pool.environment().clock.utc_now());
  const bool is_all = locations.stores.empty();
  const auto proofs = is_all ? pool.registry().document_proofs(root) : std::map<StoreId, std::uint64_t>();
  std::set<std::string> domains;
  for (const auto* store : pool.stores().online()) {
    if (std::binary_search(lacking.begin(), lacking.end(), store->id)) continue;
    domains.insert(store->domain);
    if (!is_all) continue;
    locations.stores.insert(store->id);
    const auto proof = proofs.find(store->id);
    add_proof(locations, proof == proofs.end() || proof->second > now ? 0 : proof->second);
  }
  const auto may_go = domains_may_go(domains);
  locations.domains_may_go = locations.has_packs ? std::min(locations.domains_may_go, may_go) : may_go;
  if (locations.has_packs && may_go < locations.survive) locations.health = worse(locations.health, Health::degraded);
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
  add_manifest(locations, pool, manifest);
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
    add_manifest(locations, pool, manifest);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    log_warning(error.what());
    locations.health = worse(locations.health, Health::unknown);
    locations.domains_may_go.reset();
    locations.oldest_proof = 0;
  }
  return locations;
}

ModelLocations known_locations(Pool& pool, const ManifestId& manifest, const CallOptions& call) {
  auto indexed = locations_by_registry(pool, manifest);
  return indexed ? *std::move(indexed) : locations_by_manifest(pool, manifest, call);
}

ModelHealth to_health(const ModelLocations& locations) {
  return {locations.health, locations.stores.size(), locations.domains_may_go,
          locations.oldest_proof == 0U ? std::nullopt : locations.oldest_proof};
}

}  // namespace

ModelHealth health_of_manifest(Pool& pool, const ManifestId& manifest, const CallOptions& call) {
  return to_health(known_locations(pool, manifest, call));
}

ModelHealth worse(const ModelHealth& a, const ModelHealth& b) {
  return {worse(a.health, b.health), std::max(a.stores, b.stores), std::min(a.domains_may_go, b.domains_may_go),
          std::min(a.oldest_proof, b.oldest_proof)};
}

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
  for (const ModelLocations& one : all_locations) health.push_back(to_health(one));
  return health;
}

ModelHealth health_of_model(Pool& pool, const ModelSummary& model, AskStores ask, const CallOptions& call) {
  return health_of_models(pool, {&model, 1}, ask, call).front();
}

}  // namespace modelfloat::engine
