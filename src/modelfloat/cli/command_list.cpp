#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/format.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/catalogue/fragment_map.h"
#include "modelfloat/engine/catalogue/model_health.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/server/surface/native/model_json.h"

namespace modelfloat::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t k_page = 1000;
constexpr std::size_t k_short_revision = 12;

std::string joined(const std::vector<std::string>& parts) {
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, ", "));
}

// What one store holds of a model.
struct Share {
  std::uint64_t shards = 0;
  std::uint64_t bytes = 0;
};

// On which stores the packs of a manifest are.
struct Spread {
  std::map<std::string, Share> stores;                // by name
  std::map<std::string, std::uint64_t> redundancies;  // packs for each k+m
  std::uint64_t missing_shards = 0;
  // Shards that no store is known to have, and that may still be on some store.
  std::uint64_t unknown_shards = 0;
  std::uint64_t corrupt_shards = 0;  // of which every known copy is damaged
  std::uint64_t packs = 0;
};

// "1 pack", "2 packs".
std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

engine::AskStores ask_stores(Session& session) {
  return session.options().cached ? engine::AskStores::no : engine::AskStores::yes;
}

Spread spread_of(Session& session, const engine::OpenManifest& manifest) {
  Spread spread;
  for (const auto* store : session.pool().stores().all()) spread.stores[store->name];
  engine::map_fragments(
      session.pool(), manifest,
      [&](const engine::PackView& view) {
        ++spread.packs;
        ++spread.redundancies[to_string(Redundancy{view.pack.k, view.pack.m})];
        for (const auto& shard : view.shards) {
          if (shard.stores.empty())
            ++(shard.state == engine::CopyPresence::missing ? spread.missing_shards : spread.unknown_shards);
          if (shard.state == engine::CopyPresence::corrupt) ++spread.corrupt_shards;
          for (const auto& copy : shard.stores) {
            ++spread.stores[copy.store].shards;
            spread.stores[copy.store].bytes += mf1::k_header_bytes + view.pack.slice_bytes;
          }
        }
      },
      [](const engine::FragmentView&) {}, session.call(), ask_stores(session));
  return spread;
}

bool is_online(Session& session, const std::string& store) {
  const auto* found = session.pool().stores().find(store);
  return found != nullptr && found->is_online();
}

ordered_json to_json(Session& session, const engine::ModelSummary& model, const engine::ModelHealth& health,
                     const ManifestRoot& root, const std::vector<engine::RevisionSummary>& revisions,
                     const Spread& spread) {
  auto json = server::to_json(model, health);
  json["card"] = root.card;
  auto& files = json["files"] = ordered_json::array();
  for (const auto& file : root.files) files.push_back(server::to_json(file));
  auto& list = json["revisions"] = ordered_json::array();
  for (const auto& revision : revisions) list.push_back(server::to_json(revision));
  json["packs"] = spread.packs;
  json["missing_shards"] = spread.missing_shards;
  json["unknown_shards"] = spread.unknown_shards;
  auto& redundancies = json["redundancy"] = ordered_json::array();
  for (const auto& [redundancy, packs] : spread.redundancies) redundancies.push_back(redundancy);
  auto& places = json["places"] = ordered_json::array();
  for (const auto& [store, share] : spread.stores) {
    places.push_back(
        {{"store", store}, {"online", is_online(session, store)}, {"shards", share.shards}, {"bytes", share.bytes}});
  }
  return json;
}

std::string to_text(Session& session, const engine::ModelSummary& model, const engine::ModelHealth& health,
                    const ManifestRoot& root, const std::vector<engine::RevisionSummary>& revisions,
                    const Spread& spread) {
  std::string text =
      fmt::format("{}  {}  {}\n", printable(model.name), human_bytes(model.size_bytes), to_string(health.health));
  if (health.domains_may_go)
    text += fmt::format("survives the loss of {}\n", counted(*health.domains_may_go, "more failure domain"));
  text += health.oldest_proof
              ? fmt::format("every copy was proven right at {} or later\n", human_time(*health.oldest_proof))
              : "some copies were never proven right: `modelfloat verify --read` reads them all\n";
  for (const auto& [key, value] : root.card) text += fmt::format("{}: {}\n", printable(key), printable(value));

  text += "\n";
  Table files({"FILE", ">SIZE", "FORMAT", ">FRAGMENTS", "SHA-256"});
  for (const auto& file : root.files) {
    files.add({file.path, human_bytes(file.size_bytes), file.format + (file.trouble.empty() ? "" : " (see below)"),
               std::to_string(file.fragments), to_hex(file.sha256)});
  }
  text += files.text();
  for (const auto& file : root.files) {
    if (!file.trouble.empty()) text += fmt::format("{}: {}\n", printable(file.path), printable(file.trouble));
  }

  text += "\n";
  Table history({"REVISION", ">SIZE", "PUSHED", "TAGS"});
  for (const auto& revision : revisions) {
    history.add(
        {revision.revision, human_bytes(revision.size_bytes), human_time(revision.created_at), joined(revision.tags)});
  }
  text += history.text();

  if (spread.packs == 0) return text + "\nIt is so small that it lies in its manifest, which is on every store.\n";
  std::vector<std::string> redundancies;
  redundancies.reserve(spread.redundancies.size());
  for (const auto& [redundancy, packs] : spread.redundancies) redundancies.push_back(redundancy);
  text += fmt::format("\n{} of {}", counted(spread.packs, "pack"), joined(redundancies));
  if (spread.missing_shards > 0) text += fmt::format(", {} missing", counted(spread.missing_shards, "shard"));
  if (spread.corrupt_shards > 0)
    text += fmt::format(", {} damaged (`modelfloat verify` names them)", counted(spread.corrupt_shards, "shard"));
  if (spread.unknown_shards > 0) {
    text += fmt::format(", {} in an unknown place: `modelfloat verify` looks on all stores",
                        counted(spread.unknown_shards, "shard"));
  }
  text += "\n";
  Table places({"STORE", "STATE", ">SHARDS", ">BYTES"});
  for (const auto& [store, share] : spread.stores) {
    places.add({store, is_online(session, store) ? "online" : "offline", std::to_string(share.shards),
                human_bytes(share.bytes)});
  }
  return text + places.text();
}

// The name in full of what was removed.
std::string removed_name(const ModelRef& ref, const engine::ModelRemoval& removal) {
  if (!ref.revision.empty()) return fmt::format("{}@{}", ref.model, removal.revisions.front());
  return ref.tag_given ? ref.model + ":" + ref.tag : ref.model;
}

std::string to_text(const ModelRef& ref, const engine::ModelRemoval& removal) {
  std::string text = "removed " + removed_name(ref, removal);
  if (removal.revisions.empty()) return text + "; its revision stays, as another tag points to it";
  if (ref.tag_given) text += fmt::format(" and its revision {}", removal.revisions.front().substr(0, k_short_revision));
  if (!ref.revision.empty() && !removal.tags.empty())
    text += fmt::format(" and the tag{} {}", removal.tags.size() == 1 ? "" : "s", printable(joined(removal.tags)));
  return text + "; its objects stay on the stores for now";
}

}  // namespace

ExitCode list(Session& session, const std::string& search) {
  session.sync_log();
  auto models = ordered_json::array();
  Table table({"NAME", ">SIZE", "FORMAT", "HEALTH", ">MAY GO", ">FRAGMENTS", ">STORES", "REVISION", "TAGS"});
  std::string after;
  do {
    auto page = engine::list_models(session.pool(), after, search, k_page);
    const auto all_health = engine::health_of_models(session.pool(), page.models, ask_stores(session), session.call());
    for (std::size_t i = 0; i < page.models.size(); ++i) {
      const auto& model = page.models[i];
      const auto& health = all_health[i];
      models.push_back(server::to_json(model, health));
      table.add({model.name, human_bytes(model.size_bytes), model.format, std::string(to_string(health.health)),
                 number_or_dash(health.domains_may_go), std::to_string(model.fragments), std::to_string(health.stores),
                 model.revision.substr(0, k_short_revision), joined(model.tags)});
    }
    after = std::move(page.next);
  } while (!after.empty());

  if (session.options().json) {
    print_json({{"models", std::move(models)}});
  } else if (!table.empty()) {
    print_text(table.text());
  } else {
    session.tell(search.empty() ? "no models yet: modelfloat push PATH" : "no model matches");
  }
  return ExitCode::ok;
}

ExitCode show(Session& session, const std::string& name) {
  session.sync_log();
  engine::Pool& pool = session.pool();
  const auto ref = ModelRef::parse(engine::find_name(pool, name).value_or(name));
  const auto manifest = engine::open_manifest(pool, ref, true, session.call());
  const auto model = engine::summarise(pool, manifest);
  const auto health = engine::health_of_model(pool, model, ask_stores(session), session.call());
  const auto revisions = engine::list_revisions(pool, ref.model);
  const auto spread = spread_of(session, manifest);
  if (session.options().json) {
    print_json(to_json(session, model, health, manifest.root, revisions, spread));
  } else {
    print_text(to_text(session, model, health, manifest.root, revisions, spread));
  }
  return ExitCode::ok;
}

ExitCode remove(Session& session, const ModelRef& model) {
  session.require_writable_home();
  session.require_a_store();
  const auto removal = engine::remove_model(session.pool(), model, session.call());
  if (session.options().json) {
    print_json({{"removed", removed_name(model, removal)},
                {"model", removal.model},
                {"tags", removal.tags},
                {"revisions", removal.revisions}});
  } else {
    session.tell(to_text(model, removal));
  }
  return removal.complete ? ExitCode::ok : ExitCode::degraded;
}

}  // namespace modelfloat::cli
