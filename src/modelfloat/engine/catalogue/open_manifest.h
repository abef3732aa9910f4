#pragma once
// Finds the manifest of a model by the model's name.

#include <optional>
#include <string>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/domain/model_ref.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// A manifest, of which the root has been read. Its segments are read when they are needed.
struct OpenManifest {
  ManifestId id;
  ManifestRoot root;
  std::string name;          // under which it was found: NAME:TAG or NAME@REVISION
  bool maybe_stale = false;  // too few stores answered to be sure that this is the newest
};

// Resolves a name and reads the root of its manifest. Unless `cached`, first reads the log from the
// stores. Throws as find_revision(), report_not_found() and ManifestReader do, with the name of the
// model.
OpenManifest open_manifest(Pool& pool, const ModelRef& ref, bool cached, const CallOptions& call);
// Reads the root of the manifest with this id. Throws as ManifestReader does.
OpenManifest open_manifest(Pool& pool, const ManifestId& id, const CallOptions& call);

// Returns the revision of the model whose hex digits begin with `ref.revision`; nullopt when there
// is none. Throws Error{invalid} when there are several.
std::optional<RevisionId> find_revision(const PoolState& state, const ModelRef& ref);

// Throws for a model, tag or revision that the state does not have: Error{not_found} when the log
// is `fresh`, else Error{offline}, as too few stores were read to be sure. For a known model the
// message names the tags or revisions that it has.
[[noreturn]] void report_not_found(const PoolState& state, const ModelRef& ref, bool fresh);
// Throws for a name that no log record has: Error{not_found} when the log is `fresh`, else
// Error{offline}, as too few stores were read to be sure.
[[noreturn]] void report_unknown_model(const std::string& name, bool fresh);

// Returns the file with this path. Throws Error{not_found} when there is none.
const FileEntry& find_file(const ManifestRoot& root, const std::string& path);

}  // namespace modelfloat::engine
