#include "modelfloat/engine/catalogue/catalogue.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/domain/store_names.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/manifest/manifest_index.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/pool/settings.h"

namespace modelfloat::engine {
namespace {

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

// What the log says of the state of a store, for people.
std::string_view text_of(StoreUse use) {
  switch (use) {
    case StoreUse::in_use: return "is in use";
    case StoreUse::draining: return "is draining: it gets no new data";
    default: return "is in a state that this version does not know: it gets no new data";
  }
}

// Logs what the log changed of a store that this machine knew.
void report_changes(const registry::StoreRow& before, const registry::StoreRow& now, const StoreAdded& added) {
  if (now.name != before.name && now.name != added.name) {
    log_warning(fmt::format("another store, too, is called {}: the one at {} is called {} from now on", added.name,
                            now.url, now.name));
  } else if (now.name != before.name) {
    log_info(fmt::format("{} is called {} from now on", before.name, now.name));
  }
  if (now.domain != before.domain)
    log_info(fmt::format("{} is in the failure domain {} now, by another machine", now.name, now.domain));
  if (now.capacity_bytes != before.capacity_bytes)
    log_info(fmt::format("another machine has changed the capacity of {}", now.name));
  if (now.use != before.use) log_info(fmt::format("{} {}, by another machine", now.name, text_of(now.use)));
}

// Writes rows, all with different names, some of which may be those that other rows had.
void put_stores(registry::StoreRecords& records, const std::vector<registry::StoreRow>& rows) {
  std::map<StoreId, registry::StoreRow> before;
  for (auto& row : records.stores()) before.emplace(row.id, std::move(row));
  const auto is_renamed = [&](const registry::StoreRow& row) {
    const auto old = before.find(row.id);
    return old != before.end() && old->second.name != row.name;
  };
  for (registry::StoreRow row : rows) {
    if (!is_renamed(row)) continue;
    row.name = "renamed " + to_hex(row.id);  // no store is called so
    records.put_store(row);
  }
  for (const registry::StoreRow& row : rows) {
    const auto old = before.find(row.id);
    if (old == before.end() || old->second != row) records.put_store(row);
  }
}

// Applies the log to the registry's stores: adds, changes and removes what other machines did. The
// id of a store decides which it is.
void take_over_stores(Pool& pool, const PoolState& state) {
  std::map<StoreId, registry::StoreRow> known;
  std::map<StoreId, std::string> not_logged;
  for (const auto& row : pool.registry().stores()) {
    if (state.removed_stores.contains(row.id)) {
      log_info(row.name + " was taken out of the pool by another machine");
      pool.registry().remove_store(row.id);
      continue;
    }
    known.emplace(row.id, row);
    if (!state.stores.contains(row.id)) not_logged.emplace(row.id, row.name);
  }
  const auto names = shown_store_names(state.stores, not_logged);
  std::vector<registry::StoreRow> rows;
  for (const auto& [id, name] : not_logged) {
    rows.push_back(known.at(id));
    rows.back().name = names.at(id);
  }
  for (const auto& [id, added] : state.stores) {
    const auto before = known.find(id);
    const bool is_new = before == known.end();
    // One that is known keeps the address of this machine: a folder may be at another path here.
    registry::StoreRow row;
    if (is_new) {
      row.id = id;
      row.url = added.url;
      row.added_at = pool.environment().clock.utc_now();
    } else {
      row = before->second;
    }
    row.name = names.at(id);
    row.domain = added.domain;
    row.capacity_bytes = added.capacity_bytes;
    row.use = added.use;
    if (!is_new) {
      report_changes(before->second, row, added);
    } else if (row.name != added.name) {
      log_warning(fmt::format("another store, too, is called {}: the one at {} is called {} here", added.name, row.url,
                              row.name));
    }
    rows.push_back(std::move(row));
  }
  put_stores(pool.registry(), rows);
}

}  // namespace

void update_catalogue(Pool& pool, const CallOptions& call) {
  registry::Registry& registry = pool.registry();
  // The catalogue needs an update when this differs from the value stored at the last update. Read
  // before the state: another process may add records meanwhile.
  Bytes now(sizeof(std::uint64_t));
  store_le<std::uint64_t>(now, pool.log().version());
  const auto before = registry.setting("catalogue");
  if (before && equal(*before, now)) {
    // Another process of this machine may have updated the registry's stores already.
    pool.stores().set_rows(registry.stores());
    return;
  }
  const PoolState state = pool.log().state();
  for (const std::string& note : state.irregular) log_warning("the log is irregular: " + note);
  if (!state.not_understood.empty()) {
    log_warning(fmt::format(
        "a newer version writes to this pool. This one does not understand {}, and so it can read, and write nothing",
        fmt::join(state.not_understood, ", ")));
  }

  std::set<Hash256> listed;
  std::vector<registry::RevisionRow> gone;
  const auto models = model_names(pool);
  for (const std::string& model : models) {
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
      const ManifestRoot root = reader.root(live);
      auto packs = index_manifest(pool, reader, root);
      fresh.push_back({row_of(live, root), std::move(packs)});
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_warning(fmt::format("{} cannot be listed: {}", live.model, error.what()));
      complete = false;
    }
  }
  registry.transaction([&] {
    for (const auto& row : gone) registry.remove_revision(row.manifest);
    for (const std::string& model : models) {
      if (!state.tags.contains(model)) registry.set_tags(model, {});
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
