#include "modelfloat/engine/manifest/manifest_reader.h"

#include "modelfloat/base/hex.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/manifest_codec.h"

namespace modelfloat::engine {

static Error contradiction(const std::string& where, std::string_view message) {
  return Error(ErrorKind::corrupt, where, message);
}

Bytes ManifestReader::open(ObjectType type, const Hash256& hash) {
  return mf1::open_document(type, pool_.documents().get(ObjectName::of(type, hash), finding_, call_), pool_.keys());
}

ManifestRoot ManifestReader::root(const ManifestId& id) {
  ManifestRoot root = mf1::manifest_root_from_cbor(open(ObjectType::content, id.content));
  if (root.structure != id.structure) {
    throw contradiction("manifest " + to_hex(id.content), "names another structure than the log does");
  }
  if (root.revision != mf1::revision_id(root.files)) {
    throw contradiction("manifest " + to_hex(id.content), "has another revision id than its files");
  }
  return root;
}

ManifestRoot ManifestReader::root(const LiveManifest& live) {
  ManifestRoot root = this->root(live.manifest);
  if (root.revision != live.revision)
    throw contradiction("manifest " + to_hex(live.manifest.content), "is of another revision than the log says");
  return root;
}

StructureRoot ManifestReader::structure_root(const ManifestRoot& root) {
  StructureRoot structure = mf1::structure_root_from_cbor(open(ObjectType::structure, root.structure));
  if (structure.contents != root.segments) {
    throw contradiction("manifest of " + root.model, "its two roots name different content segments");
  }
  return structure;
}

ManifestReader::Segment ManifestReader::segment(const ManifestRoot& root, std::size_t index) {
  Segment segment;
  segment.content = mf1::content_segment_from_cbor(open(ObjectType::content, root.segments.at(index)));
  segment.structure = mf1::structure_segment_from_cbor(open(ObjectType::structure, segment.content.structure));
  mf1::check_frames_fit(segment.content, segment.structure);
  return segment;
}

std::vector<PlacedFragment> FileWalk::place(const ContentSegment& segment) {
  std::vector<PlacedFragment> placed;
  placed.reserve(segment.fragments.size());
  for (const Fragment& fragment : segment.fragments) {
    skip_full_files();
    if (file_ == root_.files.size())
      throw contradiction("manifest of " + root_.model, "has more fragments than its files");
    placed.push_back({&fragment, file_, offset_});
    offset_ += fragment.plain_bytes;
    ++taken_;
    if (offset_ > root_.files[file_].size_bytes)
      throw contradiction(root_.files[file_].path, "has longer fragments than its size");
  }
  return placed;
}

void FileWalk::skip_full_files() {
  while (file_ < root_.files.size() && taken_ == root_.files[file_].fragments) {
    if (offset_ != root_.files[file_].size_bytes)
      throw contradiction(root_.files[file_].path, "has shorter fragments than its size");
    ++file_;
    taken_ = 0;
    offset_ = 0;
  }
}

void FileWalk::finish() {
  skip_full_files();
  if (file_ != root_.files.size()) throw contradiction(root_.files[file_].path, "has fewer fragments than it should");
}

}  // namespace modelfloat::engine
