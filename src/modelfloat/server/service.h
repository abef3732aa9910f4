#pragma once
// The operations of the API as an interface, so that the API can be tested without a pool.
// PoolService implements it.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/base/cancel.h"
#include "modelfloat/engine/catalogue/fragment_map.h"
#include "modelfloat/engine/catalogue/model_health.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/push/push.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/runner/runner.h"

namespace modelfloat::server {

struct UploadRequest {
  std::string model;  // "ns/name" or "name"
  std::string tag = "latest";
  std::map<std::string, std::string> card;      // description, framework
  std::optional<std::uint64_t> expected_bytes;  // a little more than the model has, when known
};

struct UploadResult {
  std::string id;
  std::string name;  // without the tag
  engine::PushResult push;
};

// A model that is being uploaded. Used by one thread. When it is destroyed before commit(), no
// model is created.
class UploadSession {
 public:
  virtual ~UploadSession() = default;
  // Stores one file of the model. Reads `source` to its end.
  virtual void add_file(const std::string& path, ByteSource& source) = 0;
  // Adds an entry to the model's card, such as "description".
  virtual void describe(const std::string& key, const std::string& value) = 0;
  // Makes the model visible under its name and tag.
  virtual UploadResult commit() = 0;
};

struct Readiness {
  bool ready = false;
  std::string problem;  // empty when ready
  std::uint64_t stores = 0;
  std::uint64_t stores_online = 0;
  std::uint64_t domains = 0;
  std::uint64_t domains_online = 0;
};

// `model` names a model: by its id, its name, or its name with a tag or revision. Methods throw
// Error{not_found} when there is no such model. All methods may be called from many threads.
class Service {
 public:
  virtual ~Service() = default;

  // Begins an upload. Error{invalid} for a name that a new model must not have.
  virtual std::unique_ptr<UploadSession> upload(const UploadRequest&, const CallOptions&) = 0;
  // One page of at most `limit` models: those after the name `after` that match `search`.
  virtual engine::ModelPage list(const std::string& after, const std::string& search, std::size_t limit) = 0;
  // The summary of a model: of the tag or revision if `model` names one, else of its default tag.
  virtual engine::ModelSummary find(const std::string& model, const CallOptions&) = 0;
  // The health of models that list() or find() returned, in the given order.
  virtual std::vector<engine::ModelHealth> health(std::span<const engine::ModelSummary>, const CallOptions&) = 0;
  // All revisions of the model. A tag or revision in `model` is ignored.
  virtual std::vector<engine::RevisionSummary> revisions(const std::string& model) = 0;
  // Opens the manifest of the tag or revision, else of the default tag.
  virtual engine::OpenManifest open(const std::string& model, const CallOptions&) = 0;
  // Calls `on_pack` for the packs and `on_fragment` for the fragments of a manifest.
  virtual void map_fragments(const engine::OpenManifest&, const std::function<void(const engine::PackView&)>& on_pack,
                             const std::function<void(const engine::FragmentView&)>& on_fragment,
                             const CallOptions&) = 0;
  // Removes the model with all its revisions; or, when `model` names a tag or a revision, this
  // alone: see engine::remove_model(). Error{not_found} also for an unknown tag or revision.
  virtual engine::ModelRemoval remove(const std::string& model, const CallOptions&) = 0;
  // Error{unsupported} for a model that cannot be run, with the reason.
  virtual runner::Completion infer(const std::string& model, const runner::CompletionRequest&, const runner::TokenSink&,
                                   const runner::LoadProgressSink&, const CallOptions&) = 0;
  // Whether enough stores are online. A registry that cannot be read is reported in `problem`; only
  // Error{cancelled} is thrown.
  virtual Readiness readiness(const CallOptions&) = 0;
};

}  // namespace modelfloat::server
