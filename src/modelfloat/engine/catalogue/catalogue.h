#pragma once
// What is in the pool: for ls, show, status and the API.

#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct ModelSummary {
  std::string id;  // opaque, without a slash, stable for this model name in this pool
  std::string name;
  std::string description;
  std::string framework;
  std::string format;  // of its largest file
  std::uint64_t size_bytes = 0;
  std::uint64_t created_at = 0;  // seconds of Unix time
  std::string revision;
  std::vector<std::string> tags;  // of the model, in order
  std::uint64_t fragments = 0;
  std::uint64_t stores = 0;  // that hold a part of it
  Health health = Health::unknown;
};

struct ModelPage {
  std::vector<ModelSummary> models;
  std::string next;  // pass as `after` for the next page; empty at the end
};

// Brings the registry's view up to date with the log on the stores. Returns false when too few domains answered to be sure.
bool refresh(Pool& pool, const CallOptions& call, transfer::WaitFor wait_for = transfer::WaitFor::all);

// Writes into the registry what its log says: revisions and tags for listings. Manifests that cannot be read now are left out.
// Stores that other machines added join, those that they took out leave.
void update_catalogue(Pool& pool, const CallOptions& call);

// Whether stores may be asked for shards of which the registry knows nothing. They are listed at most for Timeouts::search, and only
// when there are such shards.
enum class AskStores { no, yes };

// By name. By the registry: call refresh() first where freshness matters.
ModelPage list_models(Pool& pool, const std::string& after, const std::string& search, std::size_t limit,
                      AskStores ask = AskStores::yes, const CallOptions& call = {});
// By id, by name, or nothing: the model's name. Nothing is read of where it lies.
std::optional<std::string> find_name(Pool& pool, const std::string& id_or_name);
// The same, and how it stands.
std::optional<ModelSummary> find_model(Pool& pool, const std::string& id_or_name);

// Of one revision, where find_model() tells of the one that the name alone means. Error{not_found} when the catalogue does not have it.
ModelSummary summarise(Pool& pool, const OpenManifest& manifest, const CallOptions& call,
                       AskStores ask = AskStores::yes);

// The tag that a model's name alone means: `latest`, or when it has none, that of its newest tagged revision. By the registry; nothing when
// that knows no tagged revision.
std::optional<std::string> default_tag(Pool& pool, const std::string& model);

struct RevisionSummary {
  std::string revision;
  ManifestId manifest;
  std::uint64_t size_bytes = 0;
  std::uint64_t created_at = 0;
  std::vector<std::string> tags;
};
std::vector<RevisionSummary> list_revisions(Pool& pool, const std::string& model);

struct CopyView {
  std::string store;  // its name
  std::string state;  // present, offline, corrupt
};
struct ShardView {
  std::size_t index = 0;
  std::string object;            // path
  std::vector<CopyView> stores;  // that hold it, the best copy first
  std::string state;             // of the best copy; without any: missing where all stores were looked at, else unknown
};
struct PackView {
  Pack pack;
  std::vector<ShardView> shards;
};
struct FragmentView {
  std::size_t file = 0;      // index in ManifestRoot::files
  std::uint64_t offset = 0;  // in the file
  Fragment fragment;
};
// Streams the map of a manifest, segment by segment: the packs of a segment, then its fragments.
void map_fragments(Pool& pool, const OpenManifest& manifest, const std::function<void(const PackView&)>& on_pack,
                   const std::function<void(const FragmentView&)>& on_fragment, const CallOptions& call,
                   AskStores ask = AskStores::yes);

// Throws for a name that no record of the log has: Error{not_found}; Error{offline} when too few stores gave their log to be sure.
[[noreturn]] void report_unknown_model(const std::string& name, bool fresh);

// Takes the model with all its revisions out of the pool. Nothing is collected here. False when too few stores are there to be sure that every
// machine learns of it: the rest get it when they are back. False, too, when the log was read on too few stores to know all revisions: those that
// are not known stay. Error{not_found}; Error{offline}, and nothing is done, when no store lets its log be read.
bool remove_model(Pool& pool, const std::string& model, const CallOptions& call);

struct StoreStatus {
  std::string name;
  std::string url;
  std::string domain;
  StoreId id{};
  bool online = false;
  std::string offline;  // why
  // Where the provider doesn't say what is used: what the registry believes to lie there of shards.
  std::optional<store::Space> space;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t shards = 0;  // that the registry believes to lie there
  std::uint64_t queued = 0;  // objects it has yet to get
};
struct PoolStatus {
  std::string pool_id;
  std::string writer;
  std::vector<StoreStatus> stores;
  std::uint64_t models = 0;
  std::uint64_t domains_online = 0;
  std::uint64_t domains = 0;
};
PoolStatus pool_status(Pool& pool, const CallOptions& call);

}  // namespace modelfloat::engine
