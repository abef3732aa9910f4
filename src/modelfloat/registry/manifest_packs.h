#pragma once
// Which packs a manifest names, and where their shards are known to lie. The manifest itself
// lists its packs; this index answers without opening it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/registry/pack_index.h"

namespace modelfloat::registry {

struct StrayCopies {
  StrayShard shard;
  std::vector<ShardCopy> copies;  // as PackIndex::shard_copies() says
};

struct LocatedPack {
  Pack pack;
  // For each of pack.shards, the result of PackIndex::shard_copies().
  std::vector<std::vector<ShardCopy>> copies;
  std::vector<StrayCopies> strays;  // as PackIndex::stray_shards() says
};

// Threads, durability and errors: see Registry. A manifest is named by the hash of its content.
class ManifestPacks {
 public:
  virtual ~ManifestPacks() = default;

  // The packs of the manifest in its order, by the numbers that PackIndex::learn_pack() gave.
  // Replaces what was there. Catalogue::remove_revision() forgets them.
  virtual void set_manifest_packs(const Hash256& manifest, std::span<const std::uint64_t> packs) = 0;
  // The manifest's packs from index `first` on, at most `limit`; fewer only at the end. nullopt
  // when set_manifest_packs() was not called, or when one of the packs was removed or replaced
  // since then. The caller must then read the manifest itself.
  virtual std::optional<std::vector<LocatedPack>> located_packs(const Hash256& manifest, std::uint64_t first,
                                                                std::size_t limit) = 0;
};

}  // namespace modelfloat::registry
