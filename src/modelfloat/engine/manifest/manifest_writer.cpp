#include "modelfloat/engine/manifest/manifest_writer.h"

#include <algorithm>
#include <set>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/manifest_codec.h"

namespace modelfloat::engine {
namespace {

class ManifestWriter {
 public:
  ManifestWriter(Pool& pool, const CallOptions& call)
      : pool_(pool), call_(call), domains_(pool.log().durable_domains()) {}

  Hash256 write(ObjectType type, ByteSpan cbor) {
    auto sealed = mf1::seal_document(type, cbor, pool_.keys(), crypto::preferred_suite(), pool_.environment().random);
    const NamedObject object{ObjectName::of(type, sealed.hash), std::move(sealed.object)};
    pool_.registry().keep_document(object.name.path(), object.bytes);
    bytes_put_ += pool_.documents().put({&object, 1}, domains_, call_);
    return sealed.hash;
  }

  std::uint64_t bytes_put() const noexcept { return bytes_put_; }

 private:
  Pool& pool_;
  const CallOptions& call_;
  const std::size_t domains_;
  std::uint64_t bytes_put_ = 0;
};

StructureSegment structure_of(Pool& pool, const ContentSegment& content) {
  StructureSegment structure;
  std::set<PackId> listed;
  for (const Fragment& fragment : content.fragments) {
    const FrameRef* frame = fragment.frame();
    if (frame == nullptr || !listed.insert(frame->pack).second) continue;
    const auto pack = pool.registry().pack(frame->pack);
    if (!pack) throw Error(ErrorKind::internal, "pack " + to_hex(frame->pack), "is not in the registry any more");
    structure.packs.push_back(*pack);
  }
  return structure;
}

}  // namespace

WrittenManifest write_manifest(Pool& pool, ManifestRoot root, const std::vector<FragmentId>& fragments,
                               const FragmentLookup& lookup, unsigned survive, const CallOptions& call) {
  ManifestWriter writer(pool, call);
  StructureRoot structure_root;
  structure_root.survive = static_cast<std::uint8_t>(survive);
  root.segments.clear();
  for (std::size_t begin = 0; begin < fragments.size(); begin += k_fragments_per_segment) {
    const std::size_t end = std::min(begin + k_fragments_per_segment, fragments.size());
    ContentSegment content;
    for (std::size_t i = begin; i < end; ++i) content.fragments.push_back(lookup(fragments[i]));
    const StructureSegment structure = structure_of(pool, content);
    for (const Pack& pack : structure.packs) structure_root.survive = std::max(structure_root.survive, pack.survive);
    content.structure = writer.write(ObjectType::structure, mf1::to_cbor(structure));
    structure_root.segments.push_back(content.structure);
    root.segments.push_back(writer.write(ObjectType::content, mf1::to_cbor(content)));
  }
  root.structure = writer.write(ObjectType::structure, mf1::to_cbor(structure_root));
  const Hash256 content = writer.write(ObjectType::content, mf1::to_cbor(root));
  return {{content, root.structure}, writer.bytes_put()};
}

std::vector<ObjectName> documents_of(Pool& pool, const ManifestId& id, const CallOptions& call) {
  ManifestReader reader(pool, {}, call);
  const ManifestRoot root = reader.root(id);
  std::vector<ObjectName> names{ObjectName::of(ObjectType::content, id.content),
                                ObjectName::of(ObjectType::structure, id.structure)};
  for (const Hash256& segment : root.segments) names.push_back(ObjectName::of(ObjectType::content, segment));
  for (const Hash256& segment : reader.structure_root(root).segments)
    names.push_back(ObjectName::of(ObjectType::structure, segment));
  return names;
}

}  // namespace modelfloat::engine
