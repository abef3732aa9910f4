#pragma once
// The documents of a manifest, opened and checked against one another.

#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// Throws Error{lost} when a document cannot be had, Error{corrupt} when documents that belong
// together contradict one another.
class ManifestReader {
 public:
  ManifestReader(Pool& pool, transfer::FindingSink finding, CallOptions call)
      : pool_(pool), finding_(std::move(finding)), call_(std::move(call)) {}

  ManifestRoot root(const ManifestId& id);
  StructureRoot structure_root(const ManifestRoot& root);

  struct Segment {
    ContentSegment content;
    StructureSegment structure;
  };
  // Segment `index` of root.segments.
  Segment segment(const ManifestRoot& root, std::size_t index);

 private:
  Bytes open(ObjectType type, const Hash256& hash);

  Pool& pool_;
  transfer::FindingSink finding_;
  CallOptions call_;
};

// A fragment of a manifest and the file that it is a part of.
struct PlacedFragment {
  const Fragment* fragment = nullptr;
  std::size_t file = 0;      // index in ManifestRoot::files
  std::uint64_t offset = 0;  // in that file
};

// Deals the fragments of a manifest, segment by segment, out to its files.
class FileWalk {
 public:
  explicit FileWalk(const ManifestRoot& root) : root_(root) {}
  // The fragments of the next segment. Error{corrupt} when they do not fit the files.
  std::vector<PlacedFragment> place(const ContentSegment& segment);
  // Error{corrupt} when files are not complete after the last segment.
  void finish();

 private:
  void skip_full_files();

  const ManifestRoot& root_;
  std::size_t file_ = 0;
  std::uint64_t taken_ = 0;   // fragments of the file so far
  std::uint64_t offset_ = 0;  // bytes of the file so far
};

}  // namespace modelfloat::engine
