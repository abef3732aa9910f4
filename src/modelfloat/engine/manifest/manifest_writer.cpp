#include "modelfloat/engine/manifest/manifest_writer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/manifest_codec.h"

namespace modelfloat::engine {
namespace {

// Documents are uploaded together once they have so many bytes, so that a large manifest is never
// in memory as a whole.
constexpr std::size_t k_bytes_at_once = std::size_t{4} << 20;

class ManifestWriter {
 public:
  ManifestWriter(Pool& pool, const CallOptions& call)
      : pool_(pool), call_(call), domains_(pool.log().durable_domains()) {}

  // Seals a document. It is on the stores after the next upload().
  Hash256 write(ObjectType type, ByteSpan cbor) {
    auto sealed = mf1::seal_document(type, cbor, pool_.keys(), crypto::preferred_suite(), pool_.environment().random);
    const ObjectName name = ObjectName::of(type, sealed.hash);
    pool_.registry().keep_document(name.path(), sealed.object);
    add({name, std::move(sealed.object)});
    return sealed.hash;
  }

  // Uploads documents that the pool has already.
  void write_again(ObjectType type, const std::vector<Hash256>& hashes) {
    for (const Hash256& hash : hashes) {
      const ObjectName name = ObjectName::of(type, hash);
      add({name, pool_.documents().get(name, {}, call_)});
    }
  }

  // Writes the roots, after which everything is durable. `structure.segments` and root.segments are
  // complete by now.
  WrittenManifest write_roots(ManifestRoot root, StructureRoot structure) {
    structure.contents = root.segments;
    root.structure = write(ObjectType::structure, mf1::to_cbor(structure));
    const Hash256 content = write(ObjectType::content, mf1::to_cbor(root));
    upload();
    return {{content, root.structure}, structure.survive, bytes_put_};
  }

 private:
  void add(NamedObject object) {
    bytes_waiting_ += object.bytes.size();
    waiting_.push_back(std::move(object));
    if (bytes_waiting_ >= k_bytes_at_once) upload();
  }

  void upload() {
    bytes_put_ += pool_.documents().put(waiting_, domains_, call_);
    waiting_.clear();
    bytes_waiting_ = 0;
  }

  Pool& pool_;
  const CallOptions& call_;
  const std::size_t domains_;
  std::vector<NamedObject> waiting_;
  std::size_t bytes_waiting_ = 0;
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
  return writer.write_roots(std::move(root), std::move(structure_root));
}

WrittenManifest write_manifest_over(Pool& pool, ManifestRoot root, const StructureRoot& structure,
                                    const CallOptions& call) {
  ManifestWriter writer(pool, call);
  writer.write_again(ObjectType::structure, structure.segments);
  writer.write_again(ObjectType::content, root.segments);
  return writer.write_roots(std::move(root), structure);
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
