#pragma once
// Manifests enter the registry: what they say of packs and of the fragments in them.

#include <cstdint>
#include <optional>
#include <vector>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/manifest/manifest_reader.h"

namespace modelfloat::engine {

// Makes the fragments of a manifest known, also those in packs that other manifests spoke of
// before: each tells only of the fragments that it uses. One segment is in memory at a time. Throws
// what the reader throws; what was entered till then stays, and is true. Returns the packs of the
// manifest in its order, as Registry::set_manifest_packs() wants them; nothing when the registry
// has one of them otherwise than this manifest.
std::optional<std::vector<std::uint64_t>> index_manifest(Pool& pool, ManifestReader& reader, const ManifestRoot& root);

}  // namespace modelfloat::engine
