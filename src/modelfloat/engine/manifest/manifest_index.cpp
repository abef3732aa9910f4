#include "modelfloat/engine/manifest/manifest_index.h"

#include <map>

#include "modelfloat/engine/pool/settings.h"

namespace modelfloat::engine {

void index_manifest(Pool& pool, ManifestReader& reader, const ManifestRoot& root) {
  for (std::size_t index = 0; index < root.segments.size(); ++index) {
    const auto segment = reader.segment(root, index);
    std::map<PackId, std::vector<Fragment>> fragments;
    for (const Fragment& fragment : segment.content.fragments) {
      if (const FrameRef* frame = fragment.frame()) fragments[frame->pack].push_back(fragment);
    }
    pool.registry().transaction([&] {
      for (const Pack& pack : segment.structure.packs) {
        pool.registry().learn_pack(pack, fragments[pack.id]);
        Settings(pool.registry()).raise_largest_parity(pack.m);
      }
    });
  }
}

}  // namespace modelfloat::engine
