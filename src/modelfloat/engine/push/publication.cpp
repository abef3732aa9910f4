#include "modelfloat/engine/push/publication.h"

#include <algorithm>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/push/push_plan.h"

namespace modelfloat::engine {

std::optional<ManifestId> Publication::same_manifest() {
  if (!same_manifest(pool_.log().state()) || !read_fresh_log(pool_, call_).unread.empty()) return std::nullopt;
  return same_manifest(pool_.log().state());
}

// Of an older manifest of the same files: whether what it was stored in is still there. The
// fragments may be whole elsewhere.
bool Publication::has_good_packs(ManifestReader& reader, const ManifestRoot& root) {
  for (std::size_t index = 0; index < root.segments.size(); ++index) {
    const auto packs = reader.segment(root, index).structure.packs;
    if (!std::all_of(packs.begin(), packs.end(), [this](const Pack& pack) { return known_.is_good(pack.id); }))
      return false;
  }
  return true;
}

std::optional<ManifestId> Publication::same_manifest(const PoolState& state) {
  for (const auto& [content, live] : state.manifests) {
    if (!live.committed || live.model != root_.model || live.revision != root_.revision) continue;
    try {
      ManifestReader reader(pool_, {}, call_);
      const ManifestRoot other = reader.root(live.manifest);
      if (reader.structure_root(other).survive < survive_) continue;
      ManifestRoot wanted = root_;
      wanted.created_at = other.created_at;
      wanted.segments = other.segments;
      wanted.structure = other.structure;
      if (other == wanted && has_good_packs(reader, other)) return live.manifest;
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_debug(error.what());  // then it is written anew
    }
  }
  return std::nullopt;
}

bool Publication::publish_again(const ManifestId& manifest, std::string& doubt) {
  std::vector<NamedObject> documents;  // put again: a store that lost one has it back
  for (const ObjectName& name : documents_of(pool_, manifest, call_))
    documents.push_back({name, pool_.documents().get(name, {}, call_)});
  pool_.documents().put(documents, pool_.log().durable_domains(), call_);
  const PoolState state = pool_.log().state();
  const auto model = state.tags.find(root_.model);
  const bool tagged =
      model != state.tags.end() && model->second.contains(tag_) && model->second.at(tag_) == manifest.content;
  return tagged || publish(manifest, doubt);
}

// The order of docs/formats/mf1.md section 9: prepared keeps alive what a concurrent
// collector might want to delete, then the condemnations are looked at, then it becomes visible,
// then they are looked at once more. Both looks count only when the log was read.
bool Publication::publish(const ManifestId& manifest, std::string& doubt) {
  const ManifestNaming naming{root_.model, tag_, root_.revision, manifest};
  pool_.log().append({Prepared{naming}}, call_);
  read_fresh_log(pool_, call_);
  known_.check_condemned();
  const auto is_live = [&] { return pool_.log().state().manifests.contains(manifest.content); };
  if (!is_live()) return false;
  pool_.log().append({Committed{naming}}, call_);
  const Freshness sync = catch_up(pool_, {.log = LogReading::thorough}, call_);
  known_.check_condemned();
  catch_up(pool_, {.catalogue = true}, call_);
  if (!sync.fresh) {
    doubt =
        "the push is done, but " + unread_text(sync) +
        ": whether another machine has begun to delete data that it counts on is not known. Push again when they are "
        "back";
  }
  return is_live();
}

}  // namespace modelfloat::engine
