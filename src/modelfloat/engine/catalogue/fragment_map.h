#pragma once
// Lists where each fragment of a manifest is stored: in which pack, and on which stores the shards
// of that pack are.

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
  offline,  // on a store that is offline
  corrupt,  // its content does not match its name, or it is listed with a wrong size
  // A store that should have it was found without it, or all stores that may have it were asked.
  missing,
  unknown,  // no store is known to have it, and not all were asked
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
// Calls back with the map of a manifest, segment by segment: first the packs of a segment, then its
// fragments. Reads the markers of all stores again before that. Throws as ManifestReader does, and
// Error{cancelled} or Error{timed_out} as `call` says.
void map_fragments(Pool& pool, const OpenManifest& manifest, const std::function<void(const PackView&)>& on_pack,
                   const std::function<void(const FragmentView&)>& on_fragment, const CallOptions& call,
                   AskStores ask = AskStores::yes);

}  // namespace modelfloat::engine
