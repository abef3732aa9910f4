#include "modelfloat/engine/push/publication.h"

#include <algorithm>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/push/push_plan.h"

namespace modelfloat::engine {
namespace {

bool condemns(const PoolState& state, ObjectType type, const std::vector<Hash256>& names) {
  return std::any_of(names.begin(), names.end(), [&](const Hash256& name) { return state.is_condemned(type, name); });
}

// A committed manifest, or the one that replaced it; nullopt when it was removed.
std::optional<ManifestId> live_manifest(const PoolState& state, const Hash256& content) {
  const auto replaced = state.replaced.find(content);
  const auto live = state.manifests.find(replaced == state.replaced.end() ? content : replaced->second);
  if (live == state.manifests.end() || !live->second.committed) return std::nullopt;
  return live->second.manifest;
}

}  // namespace

bool Publication::says_the_same(const ManifestRoot& other) const {
  ManifestRoot wanted = root_;
  wanted.created_at = other.created_at;
  wanted.segments = other.segments;
  wanted.structure = other.structure;
  return other == wanted;
}

// They are used only where they list just the fragments of this push, and all that they lead to is
// there and stays.
std::optional<Publication::Segments> Publication::usable_segments(ManifestReader& reader, const ManifestRoot& other,
                                                                  const std::vector<FragmentId>& fragments,
                                                                  const PoolState& state) {
  Segments segments{other.segments, {}};
  std::uint8_t survive = std::max(static_cast<std::uint8_t>(survive_), reader.structure_root(other).survive);
  std::vector<Hash256>& structures = segments.structure.segments;
  std::size_t next = 0;
  for (std::size_t index = 0; index < other.segments.size(); ++index) {
    const auto segment = reader.segment(other, index);
    for (const Fragment& fragment : segment.content.fragments) {
      if (next == fragments.size() || fragment.id != fragments[next]) return std::nullopt;
      ++next;
    }
    if (std::find(structures.begin(), structures.end(), segment.content.structure) == structures.end())
      structures.push_back(segment.content.structure);
    for (const Pack& pack : segment.structure.packs) {
      if (!known_.is_good(pack.id)) return std::nullopt;
      survive = std::max(survive, pack.survive);
    }
  }
  if (next != fragments.size()) return std::nullopt;
  segments.structure.survive = survive;
  if (condemns(state, ObjectType::content, segments.contents) || condemns(state, ObjectType::structure, structures))
    return std::nullopt;
  return segments;
}

void Publication::look_at_others(const std::vector<FragmentId>& fragments, bool may_share) {
  const PoolState state = pool_.log().state();
  ManifestReader reader(pool_, {}, call_);
  for (const auto& [content, live] : state.manifests) {
    if (!live.committed || live.revision != root_.revision) continue;
    try {
      const ManifestRoot other = reader.root(live);
      if (live.model == root_.model && says_the_same(other))
        equal_.push_back({content, reader.structure_root(other).survive});
      if (may_share && !shared_) shared_ = usable_segments(reader, other, fragments, state);
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_debug(error.what());  // the push can do without it
    }
  }
}

WrittenManifest Publication::write(const std::vector<FragmentId>& fragments, const FragmentLookup& lookup,
                                   bool may_share) {
  look_at_others(fragments, may_share);
  if (!shared_) return write_manifest(pool_, root_, fragments, lookup, survive_, call_);
  ManifestRoot root = root_;
  root.segments = shared_->contents;
  return write_manifest_over(pool_, std::move(root), shared_->structure, call_);
}

// The changes that make the manifest visible. What promises more than this push is not replaced.
std::vector<Change> Publication::committing(const ManifestNaming& naming, std::uint8_t survive,
                                            const PoolState& state) const {
  std::vector<Change> changes{Committed{naming}};
  for (const Equal& old : equal_) {
    const auto live = state.manifests.find(old.content);
    const bool is_live = live != state.manifests.end() && live->second.committed;
    if (!is_live || old.survive > survive) continue;
    changes.push_back(Replaced{naming.model, naming.revision, old.content, naming.manifest});
  }
  return changes;
}

void Publication::check_condemned() {
  known_.check_condemned();
  if (!shared_) return;
  const PoolState state = pool_.log().state();
  if (condemns(state, ObjectType::content, shared_->contents) ||
      condemns(state, ObjectType::structure, shared_->structure.segments))
    throw data_is_being_deleted();
}

Error Publication::removed_meanwhile() const {
  return {ErrorKind::transient, root_.model, "was removed by another machine while it was pushed; push again"};
}

// The order of docs/formats/mf1.md section 15: prepared keeps alive what a concurrent collector
// might want to delete, then the condemnations are looked at and what this push counts on is
// looked for, then it becomes visible, then the condemnations are looked at once more. Both looks count only when the log was read.
ManifestId Publication::publish(const WrittenManifest& manifest, std::string& doubt) {
  const ManifestNaming naming{root_.model, tag_, root_.revision, manifest.id};
  pool_.log().append({Prepared{naming}}, call_);
  read_fresh_log(pool_, call_);
  check_condemned();
  known_.check_stores();
  known_.check_still_there();
  const PoolState prepared = pool_.log().state();
  if (!prepared.manifests.contains(manifest.id.content)) throw removed_meanwhile();
  pool_.log().append(committing(naming, manifest.survive, prepared), call_);
  const Freshness sync = catch_up(pool_, {.log = LogReading::thorough}, call_);
  check_condemned();
  known_.check_stores();
  const auto live = live_manifest(pool_.log().state(), manifest.id.content);
  catch_up(pool_, {.catalogue = true}, call_);
  if (!live) throw removed_meanwhile();
  if (!sync.fresh) {
    doubt =
        "the push is done, but " + unread_text(sync) +
        ": whether another machine has begun to delete data that it counts on is not known. Push again when they are "
        "back";
  }
  return *live;
}

}  // namespace modelfloat::engine
