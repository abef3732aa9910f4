#pragma once
// The models of the pool: names, tags and revisions. Everything is read from the registry;
// model_health.h tells where a model's data is. Call catch_up() first where the list must be fresh.
// May be called from any thread. All functions throw any error of the registry.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/domain/ids.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// One revision of a model, as listings show it.
struct ModelSummary {
  std::string id;  // opaque, without a slash, stable for this model name in this pool
  std::string name;
  std::string description;
  std::string framework;
  std::string format;  // of its largest file
  std::uint64_t size_bytes = 0;
  std::uint64_t created_at = 0;  // seconds of Unix time
  std::string revision;
  ManifestId manifest;            // of the revision
  std::vector<std::string> tags;  // of the whole model, in order
  std::uint64_t fragments = 0;
};

struct ModelPage {
  std::vector<ModelSummary> models;
  std::string next;  // pass as `after` for the next page; empty at the end
};

// The names of all models, in order.
std::vector<std::string> model_names(Pool& pool);

// Returns at most `limit` models, ordered by name, whose name comes after `after` and whose name or
// description contains `search`. Each is described by the revision that its name alone means.
ModelPage list_models(Pool& pool, const std::string& after, const std::string& search, std::size_t limit);

// Returns the name of the model with this id or name; nullopt when there is none.
std::optional<std::string> find_name(Pool& pool, const std::string& id_or_name);
// Returns the model with this id or name, described by the revision that its name alone means;
// nullopt when there is none.
std::optional<ModelSummary> find_model(Pool& pool, const std::string& id_or_name);
// Describes one revision. Throws Error{not_found} when the registry does not list it.
ModelSummary summarise(Pool& pool, const OpenManifest& manifest);

// Returns the tag that a model's name alone means: `latest`, or if the model has no such tag, the
// tag of its newest tagged revision. Returns nullopt when the registry knows no tagged revision.
std::optional<std::string> default_tag(Pool& pool, const std::string& model);

struct RevisionSummary {
  std::string revision;
  ManifestId manifest;
  std::uint64_t size_bytes = 0;
  std::uint64_t created_at = 0;
  std::vector<std::string> tags;
};
// Returns the revisions of a model, newest first; empty when there is no such model.
std::vector<RevisionSummary> list_revisions(Pool& pool, const std::string& model);

}  // namespace modelfloat::engine
