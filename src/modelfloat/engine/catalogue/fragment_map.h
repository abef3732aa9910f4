#pragma once
// Where each fragment of a manifest lies: its pack, and the stores that hold the shards of the
// pack.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Whether a copy of a shard can be read.
enum class CopyPresence {
  present,  // on a store that is online
  offline,  // on a store that is away
  corrupt,  // it was read, or listed with a wrong size, and is not what its name says
  missing,  // all stores that may have it were looked at, and none has it
  unknown,  // no store is known to have it, and not all were looked at
};
std::string_view to_string(CopyPresence) noexcept;

struct CopyView {
  std::string store;                           // its name
  CopyPresence state = CopyPresence::unknown;  // present, offline or corrupt
};
struct ShardView {
  std::size_t index = 0;
  std::string object;                          // path
  std::vector<CopyView> stores;                // that hold it, the best copy first
  CopyPresence state = CopyPresence::unknown;  // of the best copy; without any: missing or unknown
};
struct PackView {
  Pack pack;
  std::vector<ShardView> shards;
};
struct FragmentView {
  std::size_t file = 0;      // index in ManifestRoot::files
  std::uint64_t offset = 0;  // in the file
  Fragment fragment;
};
// Streams the map of a manifest, segment by segment: the packs of a segment, then its fragments.
// Reads the markers of all stores anew before. Throws what ManifestReader throws, and what `call`
// says.
void map_fragments(Pool& pool, const OpenManifest& manifest, const std::function<void(const PackView&)>& on_pack,
                   const std::function<void(const FragmentView&)>& on_fragment, const CallOptions& call,
                   AskStores ask = AskStores::yes);

}  // namespace modelfloat::engine
