#include "modelfloat/engine/manifest/manifest_index.h"

#include <map>

#include "modelfloat/engine/pool/settings.h"

namespace modelfloat::engine {

std::optional<std::vector<std::uint64_t>> index_manifest(Pool& pool, ManifestReader& reader, const ManifestRoot& root) {
  std::vector<std::uint64_t> packs;
  bool all_are_exact = true;
  for (std::size_t index = 0; index < root.segments.size(); ++index) {
    const auto segment = reader.segment(root, index);
    std::map<PackId, std::vector<Fragment>> fragments;
    for (const Fragment& fragment : segment.content.fragments) {
      if (const FrameRef* frame = fragment.frame()) fragments[frame->pack].push_back(fragment);
    }
    pool.registry().transaction([&] {
      for (const Pack& pack : segment.structure.packs) {
        const auto number = pool.registry().learn_pack(pack, fragments[pack.id]);
        all_are_exact = all_are_exact && number;
        if (number) packs.push_back(*number);
        Settings(pool.registry()).raise_largest_parity(pack.m);
      }
    });
  }
  if (!all_are_exact) return std::nullopt;
  return packs;
}

}  // namespace modelfloat::engine
