#pragma once
// The last step of a push: its manifest becomes visible, or one that the pool has already is used.

#include <optional>
#include <string>
#include <utility>

#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/engine/push/known_fragments.h"

namespace modelfloat::engine {

// Of one push. Used by one thread; what it is given outlives it.
class Publication {
 public:
  // `root` is what the push stores, under `tag`; `survive` is what the push promises.
  Publication(Pool& pool, const ManifestRoot& root, std::string tag, unsigned survive, KnownFragments& known,
              const CallOptions& call)
      : pool_(pool), root_(root), tag_(std::move(tag)), survive_(survive), known_(known), call_(call) {}

  // A manifest in the pool that says just what the new one would say, so that it can be used
  // instead. Whoever removes a model names its manifests, for good, on whatever stores are there:
  // so one counts only when the log was read on every store.
  std::optional<ManifestId> same_manifest();

  // Makes such a manifest visible. False when it was removed meanwhile: then it cannot be used.
  bool publish_again(const ManifestId& manifest, std::string& doubt);

  // Makes a new manifest, whose documents are durable, visible. False when it was removed
  // meanwhile. `doubt` gets what could not be made sure afterwards.
  bool publish(const ManifestId& manifest, std::string& doubt);

 private:
  std::optional<ManifestId> same_manifest(const PoolState& state);
  bool has_good_packs(ManifestReader& reader, const ManifestRoot& root);

  Pool& pool_;
  const ManifestRoot& root_;
  const std::string tag_;
  const unsigned survive_;
  KnownFragments& known_;
  const CallOptions& call_;
};

}  // namespace modelfloat::engine
