#include "modelfloat/domain/superseded.h"

#include <utility>

namespace modelfloat {

std::set<Hash256> superseded_manifests(const PoolState& state) {
  std::set<Hash256> tagged;
  std::set<std::pair<std::string, RevisionId>> revisions;
  for (const auto& [model, tags] : state.tags) {
    for (const auto& [tag, content] : tags) {
      tagged.insert(content);
      const auto live = state.manifests.find(content);
      if (live != state.manifests.end()) revisions.emplace(model, live->second.revision);
    }
  }
  std::set<Hash256> superseded;
  for (const auto& [content, live] : state.manifests) {
    if (live.committed && !tagged.contains(content) && revisions.contains({live.model, live.revision}))
      superseded.insert(content);
  }
  return superseded;
}

std::vector<const LiveManifest*> current_manifests(const PoolState& state) {
  const auto superseded = superseded_manifests(state);
  std::vector<const LiveManifest*> current;
  for (const auto& [content, live] : state.manifests) {
    if (live.committed && !superseded.contains(content)) current.push_back(&live);
  }
  return current;
}

}  // namespace modelfloat
