#pragma once
// Reads the documents of a manifest, and checks that they agree with each other.

#include "modelfloat/domain/manifest.h"
#include "modelfloat/domain/pool_state.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// All methods throw Error{lost} when no readable store has a good copy of a document,
// Error{corrupt} when documents that belong together contradict each other, and Error{cancelled} or
// Error{timed_out} as `call` says.
class ManifestReader {
 public:
  ManifestReader(Pool& pool, transfer::FindingSink finding, CallOptions call)
      : pool_(pool), finding_(std::move(finding)), call_(std::move(call)) {}

  ManifestRoot root(const ManifestId& id);
  // Also checks that it is of the revision that the log says.
  ManifestRoot root(const LiveManifest& live);
  StructureRoot structure_root(const ManifestRoot& root);

  struct Segment {
    ContentSegment content;
    StructureSegment structure;
  };
  // Reads segment `index` of root.segments.
  Segment segment(const ManifestRoot& root, std::size_t index);

 private:
  Bytes open(ObjectType type, const Hash256& hash);

  Pool& pool_;
  transfer::FindingSink finding_;
  CallOptions call_;
};

// A fragment of a manifest, and its place in a file.
struct PlacedFragment {
  const Fragment* fragment = nullptr;
  std::size_t file = 0;      // index in ManifestRoot::files
  std::uint64_t offset = 0;  // in that file
};

// Assigns the fragments of a manifest to its files, segment by segment.
class FileWalk {
 public:
  explicit FileWalk(const ManifestRoot& root) : root_(root) {}
  // Returns the fragments of the next segment with their places. The pointers lead into `segment`.
  // Throws Error{corrupt} when they do not fit the files.
  std::vector<PlacedFragment> place(const ContentSegment& segment);
  // Call it after the last segment. Throws Error{corrupt} when files are incomplete.
  void finish();

 private:
  void skip_full_files();

  const ManifestRoot& root_;
  std::size_t file_ = 0;
  std::uint64_t taken_ = 0;   // fragments of the current file so far
  std::uint64_t offset_ = 0;  // bytes of the current file so far
};

}  // namespace modelfloat::engine
