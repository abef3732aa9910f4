#include "modelfloat/engine/catalogue/catalogue.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/manifest/manifest_index.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/ask/straggler_timeout.h"

namespace modelfloat::engine {
namespace {

// What the log said when the catalogue was last written; unequal means that there is something to do.
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

// The catalogue of stores by the log: those that other machines added, changed or took out.
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
      // The address stays as this machine has it: a folder may be elsewhere here.
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

std::vector<std::string> all_models(registry::Catalogue& registry) { return registry.models("", "", SIZE_MAX >> 1); }

std::string model_id(Pool& pool, const std::string& model) {
  // Keyed, so that an id in a URL or a log tells nothing about the name.
  constexpr std::size_t k_id_bytes = 10;
  const auto& key = pool.keys().key(pool.keys().current_epoch(), mf1::KeyUse::local);
  return "m" + to_hex(ByteSpan(crypto::blake3_keyed(key, as_bytes("model id " + model))).first(k_id_bytes));
}

using Revisions = std::vector<registry::RevisionRow>;  // newest first
using Tags = std::vector<std::pair<std::string, Hash256>>;

// The tag that the model's name alone means, and its revision.
std::optional<std::pair<std::string, const registry::RevisionRow*>> default_choice(const Revisions& revisions,
                                                                                   const Tags& tags) {
  std::optional<std::pair<std::string, const registry::RevisionRow*>> newest;
  for (const registry::RevisionRow& row : revisions) {
    for (const auto& [tag, content] : tags) {
      if (content != row.manifest.content) continue;
      if (tag == "latest") return std::pair(tag, &row);
      if (!newest) newest.emplace(tag, &row);
    }
  }
  return newest;
}

struct ModelLocations {
  Health health = Health::sound;
  std::set<std::string> stores;
  std::set<ShardSearch::Wanted> wanted;  // what has to be looked for before more can be said
};

std::set<ShardSearch::Wanted> as_set(const std::vector<ShardSearch::Wanted>& shards) {
  return {shards.begin(), shards.end()};
}

ModelLocations known_locations(Pool& pool, const registry::RevisionRow& row, const CallOptions& call) {
  ModelLocations locations;
  try {
    ManifestReader reader(pool, {}, call);
    const ManifestRoot root = reader.root(row.manifest);
    for (std::size_t index = 0; index < root.segments.size(); ++index) {
      for (const Pack& pack : reader.segment(root, index).structure.packs) {
        const auto shards = shard_locations(pool, pack);
        locations.health = worse(locations.health, pack_health(shards, pack));
        locations.wanted.merge(as_set(shards_to_look_for(shards, pack)));
        for (const ShardLocations& shard : shards) {
          for (const auto* store : shard.online) locations.stores.insert(store->name);
          for (const auto* store : shard.offline) locations.stores.insert(store->name);
        }
      }
    }
    // A model without packs lies in its manifest, which is on every store.
    if (locations.stores.empty()) {
      for (const auto* store : pool.stores().online()) locations.stores.insert(store->name);
    }
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    log_warning(error.what());
    locations.health = worse(locations.health, Health::unknown);
  }
  return locations;
}

// What is to be looked for of all revisions is looked for at once.
std::vector<ModelLocations> locations_of_all(Pool& pool, const std::vector<registry::RevisionRow>& rows, AskStores ask,
                                             const CallOptions& call) {
  pool.stores().wait_until_decided(call, pool.stores().timeouts().straggler);
  std::vector<ModelLocations> all_locations;
  std::set<ShardSearch::Wanted> wanted;
  for (const auto& row : rows) {
    all_locations.push_back(known_locations(pool, row, call));
    wanted.insert(all_locations.back().wanted.begin(), all_locations.back().wanted.end());
  }
  if (ask == AskStores::no || wanted.empty() || !pool.shard_search().run(wanted, call)) return all_locations;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!all_locations[i].wanted.empty()) all_locations[i] = known_locations(pool, rows[i], call);
  }
  return all_locations;
}

struct SpaceAnswer {
  std::optional<store::Space> space;
  std::string trouble;  // why it is not online
};

// Of each store; all are asked at once, and who is far behind the others does not answer.
std::vector<SpaceAnswer> spaces_of(Pool& pool, const std::vector<const transfer::PoolStore*>& stores,
                                   const CallOptions& call) {
  using SpaceRace = transfer::Race<store::Space>;
  std::vector<SpaceAnswer> answers(stores.size());
  std::map<std::size_t, std::size_t> asked;  // by id of the call, the place of the store
  SpaceRace race(pool.stores().clock(), SpaceRace::Kind::read, call);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    answers[i].trouble = stores[i]->state->why_not_online();
    if (!answers[i].trouble.empty()) continue;
    answers[i].trouble = "does not answer";
    const auto ask = [](store::Store& store, const CallOptions& options) { return store.space(options); };
    asked[race.ask(*stores[i], pool.stores().timeouts().call_floor, ask)] = i;
  }
  const SteadyTime begin = pool.stores().clock().steady_now();
  const auto limit = [&] {
    std::vector<const transfer::PoolStore*> awaited;
    for (const auto& [call_id, place] : asked) {
      if (race.is_under_way(call_id)) awaited.push_back(stores[place]);
    }
    return begin + transfer::timeout_for(pool.stores(), awaited);
  };
  while (auto answer = race.next(limit())) {
    SpaceAnswer& one = answers[asked.at(answer->id)];
    try {
      one.space = answer->get();
      one.trouble.clear();
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      one.trouble = error.what();
    }
  }
  for (const auto& [call_id, place] : asked) {
    if (race.is_under_way(call_id)) stores[place]->state->latency.mark_slow();
  }
  return answers;
}

void look_for_shards(Pool& pool, const std::vector<Pack>& packs, const CallOptions& call) {
  std::set<ShardSearch::Wanted> wanted;
  for (const Pack& pack : packs) wanted.merge(as_set(shards_to_look_for(shard_locations(pool, pack), pack)));
  if (!wanted.empty()) pool.shard_search().run(wanted, call);
}

// Reads the markers of all stores anew: what is shown is how they are now. One that hangs is not waited for.
void look_now(Pool& pool, const CallOptions& call) {
  pool.stores().recheck(true);
  pool.stores().wait_for_checks(call, pool.stores().timeouts().straggler);
}

ModelSummary summary_of(Pool& pool, const registry::RevisionRow& row, const Tags& tags,
                        const ModelLocations& locations) {
  ModelSummary summary;
  summary.id = model_id(pool, row.model);
  summary.name = row.model;
  summary.description = row.description;
  summary.framework = row.framework;
  summary.format = row.format;
  summary.size_bytes = row.size_bytes;
  summary.created_at = row.created_at;
  summary.revision = to_hex(row.revision);
  for (const auto& [tag, content] : tags) summary.tags.push_back(tag);
  summary.fragments = row.fragments;
  summary.stores = locations.stores.size();
  summary.health = locations.health;
  return summary;
}

// Of the revisions that the names alone mean. A model that was removed meanwhile is left out.
std::vector<ModelSummary> summaries_of(Pool& pool, const std::vector<std::string>& models, AskStores ask,
                                       const CallOptions& call) {
  std::vector<registry::RevisionRow> rows;
  std::vector<Tags> all_tags;
  for (const std::string& model : models) {
    const auto revisions = pool.registry().revisions(model);
    if (revisions.empty()) continue;
    all_tags.push_back(pool.registry().tags(model));
    const auto choice = default_choice(revisions, all_tags.back());
    rows.push_back(choice ? *choice->second : revisions.front());
  }
  const auto all_locations = locations_of_all(pool, rows, ask, call);
  std::vector<ModelSummary> summaries;
  for (std::size_t i = 0; i < rows.size(); ++i)
    summaries.push_back(summary_of(pool, rows[i], all_tags[i], all_locations[i]));
  return summaries;
}

}  // namespace

void update_catalogue(Pool& pool, const CallOptions& call) {
  registry::Registry& registry = pool.registry();
  const PoolState state = pool.log().state();
  const Bytes now = fingerprint(state);
  const auto before = registry.setting("catalogue");
  if (before && equal(*before, now)) {
    pool.stores().set_rows(registry.stores());  // another process of this machine may have entered what the log says
    return;
  }
  for (const std::string& note : state.irregular) log_warning("the log is irregular: " + note);
  if (state.unknown_changes > 0)
    log_warning("the log has changes of a kind that this version does not know: a newer one writes to this pool");

  std::set<Hash256> listed;
  std::vector<registry::RevisionRow> gone;
  for (const std::string& model : all_models(registry)) {
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
  std::vector<registry::RevisionRow> fresh;
  ManifestReader reader(pool, {}, call);
  for (const auto& [content, live] : state.manifests) {
    if (!live.committed || listed.contains(content)) continue;
    try {
      const ManifestRoot root = reader.root(live.manifest);
      index_manifest(pool, reader, root);
      fresh.push_back(row_of(live, root));
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
    for (const auto& row : fresh) registry.put_revision(row);
    for (const auto& [model, tags] : state.tags) {
      registry.set_tags(model, std::vector<std::pair<std::string, Hash256>>(tags.begin(), tags.end()));
    }
    if (state.policy) Settings(registry).set_policy(*state.policy);
    take_over_stores(pool, state);
    if (complete) registry.set_setting("catalogue", now);
  });
  pool.stores().set_rows(registry.stores());
}

bool refresh(Pool& pool, const CallOptions& call, transfer::WaitFor wait_for) {
  const SyncResult sync = pool.log().sync(call, wait_for);
  update_catalogue(pool, call);
  return sync.fresh;
}

ModelPage list_models(Pool& pool, const std::string& after, const std::string& search, std::size_t limit, AskStores ask,
                      const CallOptions& call) {
  ModelPage page;
  auto names = pool.registry().models(after, search, limit + 1);
  if (names.size() > limit) {
    names.resize(limit);
    page.next = names.back();
  }
  page.models = summaries_of(pool, names, ask, call);
  return page;
}

std::optional<std::string> find_name(Pool& pool, const std::string& id_or_name) {
  if (!pool.registry().revisions(id_or_name).empty()) return id_or_name;
  for (const std::string& model : all_models(pool.registry())) {
    if (model_id(pool, model) == id_or_name) return model;
  }
  return std::nullopt;
}

std::optional<ModelSummary> find_model(Pool& pool, const std::string& id_or_name) {
  const auto name = find_name(pool, id_or_name);
  if (!name) return std::nullopt;
  auto found = summaries_of(pool, {*name}, AskStores::yes, {});
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

ModelSummary summarise(Pool& pool, const OpenManifest& manifest, const CallOptions& call, AskStores ask) {
  for (const auto& row : pool.registry().revisions(manifest.root.model)) {
    if (row.manifest.content != manifest.id.content) continue;
    return summary_of(pool, row, pool.registry().tags(manifest.root.model),
                      locations_of_all(pool, {row}, ask, call).front());
  }
  throw Error(ErrorKind::not_found, manifest.name, "is not in the catalogue of this pool");
}

std::optional<std::string> default_tag(Pool& pool, const std::string& model) {
  const auto revisions = pool.registry().revisions(model);
  const auto choice = default_choice(revisions, pool.registry().tags(model));
  if (!choice) return std::nullopt;
  return choice->first;
}

std::vector<RevisionSummary> list_revisions(Pool& pool, const std::string& model) {
  std::vector<RevisionSummary> list;
  const auto tags = pool.registry().tags(model);
  const auto superseded = superseded_manifests(pool.log().state());
  for (const auto& row : pool.registry().revisions(model)) {
    if (superseded.contains(row.manifest.content)) continue;
    RevisionSummary one{to_hex(row.revision), row.manifest, row.size_bytes, row.created_at, {}};
    for (const auto& [tag, content] : tags) {
      if (content == row.manifest.content) one.tags.push_back(tag);
    }
    list.push_back(std::move(one));
  }
  return list;
}

void map_fragments(Pool& pool, const OpenManifest& manifest, const std::function<void(const PackView&)>& on_pack,
                   const std::function<void(const FragmentView&)>& on_fragment, const CallOptions& call,
                   AskStores ask) {
  ManifestReader reader(pool, {}, call);
  FileWalk walk(manifest.root);
  look_now(pool, call);
  for (std::size_t index = 0; index < manifest.root.segments.size(); ++index) {
    const auto segment = reader.segment(manifest.root, index);
    if (ask == AskStores::yes) look_for_shards(pool, segment.structure.packs, call);
    for (const Pack& pack : segment.structure.packs) {
      PackView view{pack, {}};
      const auto shards = shard_locations(pool, pack);
      for (const ShardLocations& locations : shards) {
        const bool is_nowhere = locations.elsewhere == ShardSearch::Verdict::nowhere;
        ShardView shard{locations.index,
                        ObjectName::of(ObjectType::shard, locations.object).path(),
                        {},
                        is_nowhere ? "missing" : "unknown"};
        for (const auto* store : locations.online) shard.stores.push_back({store->name, "present"});
        for (const auto* store : locations.offline) shard.stores.push_back({store->name, "offline"});
        for (const auto* store : locations.corrupt) shard.stores.push_back({store->name, "corrupt"});
        if (!shard.stores.empty()) shard.state = shard.stores.front().state;
        view.shards.push_back(std::move(shard));
      }
      on_pack(view);
    }
    for (const PlacedFragment& placed : walk.place(segment.content))
      on_fragment({placed.file, placed.offset, *placed.fragment});
  }
}

void report_unknown_model(const std::string& name, bool fresh) {
  if (fresh) throw Error(ErrorKind::not_found, name, "no such model in this pool");
  throw Error(
      ErrorKind::offline, name,
      "no such model is known here, and too few stores answer to be sure that there is none: try again when more "
      "are there");
}

bool remove_model(Pool& pool, const std::string& model, const CallOptions& call) {
  if (!pool.stores().wait_for_domains(1, call))
    throw Error(ErrorKind::offline, "this pool", "none of its stores can be reached");
  const SyncResult sync = pool.log().sync_thoroughly(call);
  if (sync.stores_read == 0) throw Error(ErrorKind::offline, model, unread_text(sync) + ": nothing was removed");
  const bool fresh = warn_unless_fresh(sync, "revisions of " + model + " that are known only there are not removed");
  Removed removed{model, {}};
  for (const auto& [content, live] : pool.log().state().manifests) {
    if (live.model == model && live.committed) removed.manifests.push_back(content);
  }
  if (removed.manifests.empty()) report_unknown_model(model, fresh);
  const bool durable = pool.log().append_if_possible({removed}, call);
  update_catalogue(pool, call);
  return durable && fresh;
}

PoolStatus pool_status(Pool& pool, const CallOptions& call) {
  PoolStatus status;
  status.pool_id = to_hex(pool.keys().pool_id());
  if (const auto writer = Settings(pool.registry()).writer()) status.writer = to_hex(*writer);
  std::map<StoreId, std::uint64_t> queued;
  for (const auto& put : pool.registry().queued_puts()) ++queued[put.store];
  std::set<std::string> domains;
  std::set<std::string> online;
  pool.stores().wait_until_decided(call);
  const auto stores = pool.stores().all();
  auto spaces = spaces_of(pool, stores, call);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    const transfer::PoolStore& store = *stores[i];
    if (auto& space = spaces[i].space; space && !space->used_bytes)
      space->used_bytes = pool.registry().shard_bytes(store.id);
    StoreStatus one{store.name,
                    store.url,
                    store.domain,
                    store.id,
                    spaces[i].trouble.empty(),
                    spaces[i].trouble,
                    spaces[i].space,
                    store.capacity_bytes,
                    pool.registry().shard_count(store.id),
                    queued[store.id]};
    domains.insert(store.domain);
    if (one.online) online.insert(store.domain);
    status.stores.push_back(std::move(one));
  }
  status.models = all_models(pool.registry()).size();
  status.domains = domains.size();
  status.domains_online = online.size();
  return status;
}

}  // namespace modelfloat::engine
