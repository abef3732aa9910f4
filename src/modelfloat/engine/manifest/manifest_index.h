#pragma once
// Enters what a manifest says of packs and fragments into the registry.

#include <cstdint>
#include <optional>
#include <vector>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/manifest/manifest_reader.h"

namespace modelfloat::engine {

// Adds the packs and fragments of a manifest to the registry. That includes fragments of packs that
// are known from other manifests, as each manifest lists only the fragments that it uses. Keeps one
// segment in memory at a time. Returns the numbers of the packs in the order of the manifest, for
// Registry::set_manifest_packs(); nullopt when the registry has one of the packs with different
// data. Throws as ManifestReader does; what was added before that stays, and is correct.
std::optional<std::vector<std::uint64_t>> index_manifest(Pool& pool, ManifestReader& reader, const ManifestRoot& root);

}  // namespace modelfloat::engine
