#pragma once
// The last step of a push: its manifest is written and becomes visible.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/engine/push/known_fragments.h"

namespace modelfloat::engine {

// Of one push. Used by one thread; what it is given outlives it.
//
// Each push writes a content root and a structure root of its own, also when the pool has a
// manifest of the same files. Whoever removes a model names its manifests, for good, and the stores
// that are away bring such a record later. It must not remove what was pushed after it.
class Publication {
 public:
  // `root` is what the push stores, under `tag`; `survive` is what the push promises.
  Publication(Pool& pool, const ManifestRoot& root, std::string tag, unsigned survive, KnownFragments& known,
              const CallOptions& call)
      : pool_(pool), root_(root), tag_(std::move(tag)), survive_(survive), known_(known), call_(call) {}

  // Writes the documents of the manifest. `fragments` are those of all files, in order. With
  // `may_share`, uses the segments of another manifest of the same fragments where one can be read,
  // and its packs are all there and at least as safe as this push promises.
  WrittenManifest write(const std::vector<FragmentId>& fragments, const FragmentLookup& lookup, bool may_share);
  // Whether write() has used the segments of another manifest: then no fragment is new.
  bool shares_segments() const noexcept { return shared_.has_value(); }

  // Makes a manifest, whose documents are durable, visible. Where other manifests say the same, it
  // replaces them, so that other tags follow. Returns the manifest that the tag has now: this one,
  // or one that replaced it meanwhile. `doubt` gets what could not be made sure afterwards. Throws
  // Error{transient} when the manifest was removed meanwhile, or when something that it counts on
  // is being deleted. Throws Error{offline}, and nothing becomes visible, as read_fresh_log() does.
  ManifestId publish(const WrittenManifest& manifest, std::string& doubt);

 private:
  // A manifest of this model that says the same as the new one.
  struct Equal {
    Hash256 content{};
    std::uint8_t survive = 0;
  };
  // The segments of another manifest.
  struct Segments {
    std::vector<Hash256> contents;
    StructureRoot structure;
  };

  void look_at_others(const std::vector<FragmentId>& fragments, bool may_share);
  bool says_the_same(const ManifestRoot& other) const;
  std::optional<Segments> usable_segments(ManifestReader& reader, const ManifestRoot& other,
                                          const std::vector<FragmentId>& fragments, const PoolState& state);
  std::vector<Change> committing(const ManifestNaming& naming, std::uint8_t survive, const PoolState& state) const;
  void check_condemned();
  Error removed_meanwhile() const;

  Pool& pool_;
  const ManifestRoot& root_;
  const std::string tag_;
  const unsigned survive_;
  KnownFragments& known_;
  const CallOptions& call_;
  std::vector<Equal> equal_;
  std::optional<Segments> shared_;
};

}  // namespace modelfloat::engine
