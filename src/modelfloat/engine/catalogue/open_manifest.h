#pragma once
// From the name of a model to its manifest.

#include <string>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/domain/model_ref.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// A manifest found by name: its root. The segments are read as they are needed.
struct OpenManifest {
  ManifestId id;
  ManifestRoot root;
  std::string name;          // by which it was found: NAME:TAG, or NAME@REVISION
  bool maybe_stale = false;  // too few stores answered to be sure that this is the newest
};

// Resolves a name. Reads the log from the stores first unless `cached`. Error{not_found} names what
// there is instead.
OpenManifest open_manifest(Pool& pool, const ModelRef& ref, bool cached, const CallOptions& call);
OpenManifest open_manifest(Pool& pool, const ManifestId& id, const CallOptions& call);

// Throws for a name that no record of the log has: Error{not_found}; Error{offline} when too few
// stores gave their log to be sure.
[[noreturn]] void report_unknown_model(const std::string& name, bool fresh);

// The file of the manifest with this path; Error{not_found}.
const FileEntry& find_file(const ManifestRoot& root, const std::string& path);

}  // namespace modelfloat::engine
