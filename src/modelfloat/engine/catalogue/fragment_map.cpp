#include "modelfloat/engine/catalogue/fragment_map.h"

#include "modelfloat/domain/object_name.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/manifest/manifest_reader.h"

namespace modelfloat::engine {
namespace {

void look_for_shards(Pool& pool, const std::vector<Pack>& packs, const CallOptions& call) {
  std::set<ShardSearch::Wanted> wanted;
  for (const Pack& pack : packs) {
    const auto of_pack = shards_to_look_for(shard_locations(pool, pack), pack);
    wanted.insert(of_pack.begin(), of_pack.end());
  }
  if (!wanted.empty()) pool.shard_search().run(wanted, call);
}

ShardView view_of(const ShardLocations& locations) {
  const bool is_nowhere = locations.elsewhere == ShardSearch::Verdict::nowhere;
  ShardView shard{.index = locations.index,
                  .object = ObjectName::of(ObjectType::shard, locations.object).path(),
                  .stores = {},
                  .state = is_nowhere ? CopyPresence::missing : CopyPresence::unknown};
  for (const auto* store : locations.online) shard.stores.push_back({store->name, CopyPresence::present});
  for (const auto* store : locations.offline) shard.stores.push_back({store->name, CopyPresence::offline});
  for (const auto* store : locations.corrupt) shard.stores.push_back({store->name, CopyPresence::corrupt});
  if (!shard.stores.empty()) shard.state = shard.stores.front().state;
  return shard;
}

}  // namespace

std::string_view to_string(CopyPresence presence) noexcept {
  switch (presence) {
    case CopyPresence::present: return "present";
    case CopyPresence::offline: return "offline";
    case CopyPresence::corrupt: return "corrupt";
    case CopyPresence::missing: return "missing";
    case CopyPresence::unknown: return "unknown";
  }
  return "unknown";
}

void map_fragments(Pool& pool, const OpenManifest& manifest, const std::function<void(const PackView&)>& on_pack,
                   const std::function<void(const FragmentView&)>& on_fragment, const CallOptions& call,
                   AskStores ask) {
  ManifestReader reader(pool, {}, call);
  FileWalk walk(manifest.root);
  catch_up(pool, {.recheck = MarkerWait::straggler}, call);
  for (std::size_t index = 0; index < manifest.root.segments.size(); ++index) {
    const auto segment = reader.segment(manifest.root, index);
    if (ask == AskStores::yes) look_for_shards(pool, segment.structure.packs, call);
    for (const Pack& pack : segment.structure.packs) {
      PackView view{pack, {}};
      for (const ShardLocations& locations : shard_locations(pool, pack)) view.shards.push_back(view_of(locations));
      on_pack(view);
    }
    for (const PlacedFragment& placed : walk.place(segment.content))
      on_fragment({placed.file, placed.offset, *placed.fragment});
  }
}

}  // namespace modelfloat::engine
