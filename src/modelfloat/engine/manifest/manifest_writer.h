#pragma once
// A manifest's documents, sealed and put to every store.

#include <functional>
#include <vector>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Where a fragment lies: its place in a pack, or its bytes for the manifest.
using FragmentLookup = std::function<Fragment(const FragmentId&)>;

struct WrittenManifest {
  ManifestId id;
  std::uint64_t bytes_put = 0;
};

// Writes segments and roots for the fragments of root.files in order; fills in root.segments and
// root.structure. Returns when all of it is durable.
WrittenManifest write_manifest(Pool& pool, ManifestRoot root, const std::vector<FragmentId>& fragments,
                               const FragmentLookup& lookup, unsigned survive, const CallOptions& call);

// The object names of everything that a manifest consists of.
std::vector<ObjectName> documents_of(Pool& pool, const ManifestId& id, const CallOptions& call);

}  // namespace modelfloat::engine
