#pragma once
// Writes a manifest: seals its documents and uploads them to every store.

#include <functional>
#include <vector>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Returns where a fragment is stored: its place in a pack, or its bytes if the manifest contains
// them.
using FragmentLookup = std::function<Fragment(const FragmentId&)>;

struct WrittenManifest {
  ManifestId id;
  std::uint8_t survive = 0;  // as its structure root says
  std::uint64_t bytes_put = 0;
};

// Writes segments and roots for `fragments`, which are those of all root.files, in order. Fills in
// root.segments and root.structure. When it returns, all documents are durable. Throws as
// Documents::put() does.
WrittenManifest write_manifest(Pool& pool, ManifestRoot root, const std::vector<FragmentId>& fragments,
                               const FragmentLookup& lookup, unsigned survive, const CallOptions& call);

// Writes roots over segments that the pool has already: root.segments, and structure.segments.
// Fills in root.structure. Uploads the segments again, so that a store that lost one has it back.
// When it returns, all documents are durable. Throws as Documents::put() and Documents::get() do.
WrittenManifest write_manifest_over(Pool& pool, ManifestRoot root, const StructureRoot& structure,
                                    const CallOptions& call);

// Returns the names of all documents of a manifest. Throws as ManifestReader does.
std::vector<ObjectName> documents_of(Pool& pool, const ManifestId& id, const CallOptions& call);

}  // namespace modelfloat::engine
