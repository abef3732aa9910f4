#pragma once
// The models of the pool: their names, tags and revisions. All is read from the registry alone;
// nothing here looks where the data of a model lies (model_health.h does). Call catch_up() first
// where freshness matters. May be called from many threads.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/domain/ids.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// What a listing says of one revision of a model.
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
  std::vector<std::string> tags;  // of the model, in order
  std::uint64_t fragments = 0;
};

struct ModelPage {
  std::vector<ModelSummary> models;
  std::string next;  // pass as `after` for the next page; empty at the end
};

// The names of all models, in order.
std::vector<std::string> model_names(Pool& pool);

// Ordered by name; of each model the revision that its name alone means. At most `limit` models
// whose name comes after `after` and whose name or description contains `search`.
ModelPage list_models(Pool& pool, const std::string& after, const std::string& search, std::size_t limit);

// The name of the model with this id or name; nothing when there is none.
std::optional<std::string> find_name(Pool& pool, const std::string& id_or_name);
// The model with this id or name, by the revision that the name alone means; nothing when there is
// none.
std::optional<ModelSummary> find_model(Pool& pool, const std::string& id_or_name);
// Of one revision. Error{not_found} when the registry does not list it.
ModelSummary summarise(Pool& pool, const OpenManifest& manifest);

// The tag that a model's name alone means: `latest`, or when it has none, that of its newest tagged
// revision. Nothing when the registry knows no tagged revision.
std::optional<std::string> default_tag(Pool& pool, const std::string& model);

struct RevisionSummary {
  std::string revision;
  ManifestId manifest;
  std::uint64_t size_bytes = 0;
  std::uint64_t created_at = 0;
  std::vector<std::string> tags;
};
// Newest first; empty when there is no such model.
std::vector<RevisionSummary> list_revisions(Pool& pool, const std::string& model);

}  // namespace modelfloat::engine
