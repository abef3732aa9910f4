#include "modelfloat/engine/catalogue/open_manifest.h"

#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/reading_error.h"

namespace modelfloat::engine {
namespace {

struct Resolved {
  LiveManifest live;
  std::string name;
};

// Returns the manifest that a reference means; nullopt when there is none.
std::optional<Resolved> resolve(Pool& pool, const PoolState& state, const ModelRef& ref) {
  if (!ref.revision.empty()) {
    const auto revision = find_revision(state, ref);
    if (!revision) return std::nullopt;
    const auto superseded = superseded_manifests(state);
    for (const auto& [content, live] : state.manifests) {
      if (superseded.contains(content)) continue;
      if (live.committed && live.model == ref.model && live.revision == *revision) {
        return Resolved{live, ref.model + "@" + ref.revision};
      }
    }
    return std::nullopt;
  }
  const auto model = state.tags.find(ref.model);
  if (model == state.tags.end()) return std::nullopt;
  auto tag = model->second.find(ref.tag);
  if (tag == model->second.end() && !ref.tag_given) {
    // A name alone means the same revision here as in listings.
    const auto chosen = default_tag(pool, ref.model);
    tag = chosen ? model->second.find(*chosen) : model->second.begin();
  }
  if (tag == model->second.end()) return std::nullopt;
  return Resolved{state.manifests.at(tag->second), ref.model + ":" + tag->first};
}

constexpr std::size_t k_short_revision = 12;
constexpr std::size_t k_most_named = 10;

// "a, b, c", or with many "a, b, ... and 7 more".
std::string named(const std::vector<std::string>& names) {
  if (names.size() <= k_most_named) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + k_most_named, ", "),
                     names.size() - k_most_named);
}

std::set<RevisionId> revisions_of(const PoolState& state, const std::string& model) {
  std::set<RevisionId> revisions;
  for (const auto& [content, live] : state.manifests) {
    if (live.model == model && live.committed) revisions.insert(live.revision);
  }
  return revisions;
}

std::vector<std::string> short_names(const std::set<RevisionId>& revisions) {
  std::vector<std::string> names;
  for (const RevisionId& revision : revisions) names.push_back(to_hex(revision).substr(0, k_short_revision));
  return names;
}

// What there is of a model instead of what `ref` names.
std::string what_there_is(const PoolState& state, const ModelRef& ref, const std::set<RevisionId>& revisions) {
  if (!ref.revision.empty()) return "the model has the revisions " + named(short_names(revisions));
  std::vector<std::string> tags;
  if (const auto model = state.tags.find(ref.model); model != state.tags.end()) {
    for (const auto& [tag, content] : model->second) tags.push_back(tag);
  }
  if (!tags.empty()) return "the model has the tags " + named(tags);
  return "the model has no tag, and the revisions " + named(short_names(revisions)) + ": say NAME@REVISION";
}

}  // namespace

OpenManifest open_manifest(Pool& pool, const ModelRef& ref, bool cached, const CallOptions& call) {
  OpenManifest manifest;
  if (!cached) manifest.maybe_stale = !catch_up(pool, {.log = LogReading::quorum, .catalogue = true}, call).fresh;
  const PoolState state = pool.log().state();
  const auto found = resolve(pool, state, ref);
  if (!found) report_not_found(state, ref, cached || !manifest.maybe_stale);
  manifest.id = found->live.manifest;
  manifest.name = found->name;
  manifest.root = of_manifest(manifest.name, [&] { return ManifestReader(pool, {}, call).root(found->live); });
  return manifest;
}

OpenManifest open_manifest(Pool& pool, const ManifestId& id, const CallOptions& call) {
  auto root = ManifestReader(pool, {}, call).root(id);
  auto name = root.model;
  return {id, std::move(root), std::move(name), false};
}

std::optional<RevisionId> find_revision(const PoolState& state, const ModelRef& ref) {
  std::set<RevisionId> found = revisions_of(state, ref.model);
  std::erase_if(found, [&](const RevisionId& revision) { return !to_hex(revision).starts_with(ref.revision); });
  if (found.empty()) return std::nullopt;
  if (found.size() == 1) return *found.begin();
  std::vector<std::string> names;
  for (const RevisionId& revision : found) names.push_back(to_hex(revision));
  throw Error(ErrorKind::invalid, ref.model + "@" + ref.revision,
              "several revisions begin so: " + named(names) + ". Give more of its digits");
}

void report_not_found(const PoolState& state, const ModelRef& ref, bool fresh) {
  const bool by_revision = !ref.revision.empty();
  const std::string name = by_revision ? ref.model + "@" + ref.revision : ref.model + ":" + ref.tag;
  const auto revisions = revisions_of(state, ref.model);
  if (revisions.empty()) report_unknown_model(by_revision || ref.tag_given ? name : ref.model, fresh);
  const std::string there = what_there_is(state, ref, revisions);
  const char* const what = by_revision ? "revision" : "tag";
  if (fresh) throw Error(ErrorKind::not_found, name, fmt::format("no such {}; {}", what, there));
  throw Error(ErrorKind::offline, name,
              fmt::format("no such {} is known here, and too few stores answer to be sure that there is none: try "
                          "again when more are there; {}",
                          what, there));
}

void report_unknown_model(const std::string& name, bool fresh) {
  if (fresh) throw Error(ErrorKind::not_found, name, "no such model in this pool");
  throw Error(
      ErrorKind::offline, name,
      "no such model is known here, and too few stores answer to be sure that there is none: try again when more "
      "are there");
}

const FileEntry& find_file(const ManifestRoot& root, const std::string& path) {
  for (const FileEntry& file : root.files) {
    if (file.path == path) return file;
  }
  throw Error(ErrorKind::not_found, root.model, "has no file " + path);
}

}  // namespace modelfloat::engine
