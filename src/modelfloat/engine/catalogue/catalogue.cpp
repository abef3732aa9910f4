#include "modelfloat/engine/catalogue/catalogue.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/manifest/manifest_index.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/pool/settings.h"

namespace modelfloat::engine {
namespace {

// Identifies the state of the log. The catalogue needs an update when this differs from the value
// stored at the last update.
Bytes fingerprint(const PoolState& state) {
  crypto::Blake3 hash;
  for (const auto& [writer, head] : state.heads) {
    hash.update(writer);
    hash.update(head.hash);
  }
  return to_bytes(hash.finish());
}

registry::RevisionRow row_of(const LiveManifest& live, const ManifestRoot& root) {
  registry::RevisionRow row;
  row.model = live.model;
  row.revision = live.revision;
  row.manifest = live.manifest;
  row.size_bytes = root.size_bytes();
  row.fragments = root.fragment_count();
  row.files = root.files.size();
  row.created_at = root.created_at;
  const auto fact = [&](const char* key) {
    const auto found = root.card.find(key);
    return found == root.card.end() ? std::string() : found->second;
  };
  row.description = fact("description");
  row.framework = fact("framework");
  const auto largest =
      std::max_element(root.files.begin(), root.files.end(),
                       [](const FileEntry& a, const FileEntry& b) { return a.size_bytes < b.size_bytes; });
  if (largest != root.files.end()) row.format = largest->format;
  return row;
}

std::string unused_name(const std::string& wanted, const std::set<std::string>& names) {
  std::string name = wanted;
  for (std::size_t number = 2; names.contains(name); ++number) name = fmt::format("{}-{}", wanted, number);
  return name;
}

// Applies the log to the registry's stores: adds, changes and removes what other machines did.
void take_over_stores(Pool& pool, const PoolState& state) {
  std::map<StoreId, registry::StoreRow> known;
  std::set<std::string> names;
  for (const auto& row : pool.registry().stores()) {
    if (state.removed_stores.contains(row.id)) {
      log_info(row.name + " was taken out of the pool by another machine");
      pool.registry().remove_store(row.id);
    } else {
      names.insert(row.name);
      known.emplace(row.id, row);
    }
  }
  for (const auto& [id, added] : state.stores) {
    if (const auto row = known.find(id); row != known.end()) {
      // Keeps the address of this machine: a folder may be at another path here.
      auto changed = row->second;
      changed.domain = added.domain;
      changed.capacity_bytes = added.capacity_bytes;
      if (changed != row->second) pool.registry().put_store(changed);
      continue;
    }
    const std::string name = unused_name(added.name, names);
    if (name != added.name)
      log_warning(
          fmt::format("another machine, too, has a store that it calls {}: here it is called {}", added.name, name));
    names.insert(name);
    pool.registry().put_store(
        {id, name, added.url, added.domain, added.capacity_bytes, pool.environment().clock.utc_now()});
  }
}

}  // namespace

void update_catalogue(Pool& pool, const CallOptions& call) {
  registry::Registry& registry = pool.registry();
  const PoolState state = pool.log().state();
  const Bytes now = fingerprint(state);
  const auto before = registry.setting("catalogue");
  if (before && equal(*before, now)) {
    // Another process of this machine may have updated the registry's stores already.
    pool.stores().set_rows(registry.stores());
    return;
  }
  for (const std::string& note : state.irregular) log_warning("the log is irregular: " + note);
  if (state.unknown_changes > 0)
    log_warning("the log has changes of a kind that this version does not know: a newer one writes to this pool");

  std::set<Hash256> listed;
  std::vector<registry::RevisionRow> gone;
  for (const std::string& model : model_names(pool)) {
    for (const auto& row : registry.revisions(model)) {
      const auto live = state.manifests.find(row.manifest.content);
      if (live == state.manifests.end() || !live->second.committed) {
        gone.push_back(row);
      } else {
        listed.insert(row.manifest.content);
      }
    }
  }
  bool complete = true;
  struct Fresh {
    registry::RevisionRow row;
    std::optional<std::vector<std::uint64_t>> packs;
  };
  std::vector<Fresh> fresh;
  ManifestReader reader(pool, {}, call);
  for (const auto& [content, live] : state.manifests) {
    if (!live.committed || listed.contains(content)) continue;
    try {
      const ManifestRoot root = reader.root(live.manifest);
      auto packs = index_manifest(pool, reader, root);
      fresh.push_back({row_of(live, root), std::move(packs)});
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_warning(fmt::format("{} cannot be listed: {}", live.model, error.what()));
      complete = false;
    }
  }
  registry.transaction([&] {
    for (const auto& row : gone) {
      registry.remove_revision(row.manifest);
      registry.set_tags(row.model, {});
    }
    for (const auto& [row, packs] : fresh) {
      registry.put_revision(row);
      if (packs) registry.set_manifest_packs(row.manifest.content, *packs);
    }
    for (const auto& [model, tags] : state.tags) {
      registry.set_tags(model, std::vector<std::pair<std::string, Hash256>>(tags.begin(), tags.end()));
    }
    if (state.policy) Settings(registry).set_policy(*state.policy);
    take_over_stores(pool, state);
    if (complete) registry.set_setting("catalogue", now);
  });
  pool.stores().set_rows(registry.stores());
}

}  // namespace modelfloat::engine
