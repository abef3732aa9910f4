#include "modelfloat/engine/catalogue/open_manifest.h"

#include <optional>

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
  ManifestId manifest;
  std::string name;
};

// Returns the manifest that a reference means; nullopt when there is none.
std::optional<Resolved> resolve(Pool& pool, const PoolState& state, const ModelRef& ref) {
  if (!ref.revision.empty()) {
    const auto superseded = superseded_manifests(state);
    for (const auto& [content, live] : state.manifests) {
      if (superseded.contains(content)) continue;
      if (live.committed && live.model == ref.model && to_hex(live.revision).starts_with(ref.revision)) {
        return Resolved{live.manifest, ref.model + "@" + ref.revision};
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
  return Resolved{state.manifests.at(tag->second).manifest, ref.model + ":" + tag->first};
}

[[noreturn]] void report_not_found(const PoolState& state, const ModelRef& ref, bool fresh) {
  const auto model = state.tags.find(ref.model);
  const std::string name = ref.revision.empty() ? ref.model + ":" + ref.tag : ref.model + "@" + ref.revision;
  if (model != state.tags.end()) {
    std::vector<std::string> tags;
    for (const auto& [tag, content] : model->second) tags.push_back(tag);
    throw Error(ErrorKind::not_found, name,
                fmt::format("no such revision; the model has the tags {}", fmt::join(tags, ", ")));
  }
  report_unknown_model(name, fresh);
}

}  // namespace

OpenManifest open_manifest(Pool& pool, const ModelRef& ref, bool cached, const CallOptions& call) {
  OpenManifest manifest;
  if (!cached) manifest.maybe_stale = !catch_up(pool, {.log = LogReading::quorum, .catalogue = true}, call).fresh;
  const PoolState state = pool.log().state();
  const auto found = resolve(pool, state, ref);
  if (!found) report_not_found(state, ref, cached || !manifest.maybe_stale);
  manifest.id = found->manifest;
  manifest.name = found->name;
  manifest.root = of_manifest(manifest.name, [&] { return ManifestReader(pool, {}, call).root(manifest.id); });
  return manifest;
}

OpenManifest open_manifest(Pool& pool, const ManifestId& id, const CallOptions& call) {
  auto root = ManifestReader(pool, {}, call).root(id);
  auto name = root.model;
  return {id, std::move(root), std::move(name), false};
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
