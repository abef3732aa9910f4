#pragma once
// Which packs a manifest names, with all that is known of where their shards lie. Every manifest
// says the same itself; here it is at hand without opening and reading one.

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
  // Of each of pack.shards, as PackIndex::shard_copies() says.
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
  // Its packs from index `first` on, at most `limit`; fewer only at the end. Nothing when they were
  // not set, or one of them was forgotten or entered anew since then: only the manifest itself says
  // it now.
  virtual std::optional<std::vector<LocatedPack>> located_packs(const Hash256& manifest, std::uint64_t first,
                                                                std::size_t limit) = 0;
};

}  // namespace modelfloat::registry
