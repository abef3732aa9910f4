#include "modelfloat/engine/catalogue/model_list.h"

#include <utility>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/superseded.h"

namespace modelfloat::engine {
namespace {

std::string model_id(Pool& pool, const std::string& model) {
  // A keyed hash, so that an id in a URL or a log file does not reveal the name.
  constexpr std::size_t k_id_bytes = 10;
  const auto& key = pool.keys().key(pool.keys().current_epoch(), mf1::KeyUse::local);
  return "m" + to_hex(ByteSpan(crypto::blake3_keyed(key, as_bytes("model id " + model))).first(k_id_bytes));
}

using Revisions = std::vector<registry::RevisionRow>;  // newest first
using Tags = std::vector<std::pair<std::string, Hash256>>;

// Returns the tag that the model's name alone means, and its revision.
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

ModelSummary summary_of(Pool& pool, const registry::RevisionRow& row, const Tags& tags) {
  ModelSummary summary;
  summary.id = model_id(pool, row.model);
  summary.name = row.model;
  summary.description = row.description;
  summary.framework = row.framework;
  summary.format = row.format;
  summary.size_bytes = row.size_bytes;
  summary.created_at = row.created_at;
  summary.revision = to_hex(row.revision);
  summary.manifest = row.manifest;
  for (const auto& [tag, content] : tags) summary.tags.push_back(tag);
  summary.fragments = row.fragments;
  return summary;
}

// Describes the revision that the name alone means.
ModelSummary summary_of(Pool& pool, const registry::ListedModel& model) {
  const auto choice = default_choice(model.revisions, model.tags);
  return summary_of(pool, choice ? *choice->second : model.revisions.front(), model.tags);
}

}  // namespace

std::vector<std::string> model_names(Pool& pool) { return pool.registry().models("", "", SIZE_MAX >> 1); }

ModelPage list_models(Pool& pool, const std::string& after, const std::string& search, std::size_t limit) {
  ModelPage page;
  auto models = pool.registry().listed_models(after, search, limit + 1);
  if (models.size() > limit) {
    models.pop_back();
    page.next = models.back().revisions.front().model;
  }
  for (const auto& model : models) page.models.push_back(summary_of(pool, model));
  return page;
}

std::optional<std::string> find_name(Pool& pool, const std::string& id_or_name) {
  if (!pool.registry().revisions(id_or_name).empty()) return id_or_name;
  for (const std::string& model : model_names(pool)) {
    if (model_id(pool, model) == id_or_name) return model;
  }
  return std::nullopt;
}

std::optional<ModelSummary> find_model(Pool& pool, const std::string& id_or_name) {
  const auto name = find_name(pool, id_or_name);
  if (!name) return std::nullopt;
  const registry::ListedModel model{pool.registry().revisions(*name), pool.registry().tags(*name)};
  if (model.revisions.empty()) return std::nullopt;  // it was removed in the meantime
  return summary_of(pool, model);
}

ModelSummary summarise(Pool& pool, const OpenManifest& manifest) {
  for (const auto& row : pool.registry().revisions(manifest.root.model)) {
    if (row.manifest.content == manifest.id.content)
      return summary_of(pool, row, pool.registry().tags(manifest.root.model));
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

}  // namespace modelfloat::engine
