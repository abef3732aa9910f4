#include "modelfloat/server/surface/native/model_json.h"

#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server {

using nlohmann::ordered_json;

ordered_json to_json(const engine::ModelSummary& model, const engine::ModelHealth& health) {
  return {{"id", model.id},
          {"name", model.name},
          {"description", model.description},
          {"framework", model.framework},
          {"format", model.format},
          {"size_bytes", model.size_bytes},
          {"created_at", time_json(model.created_at)},
          {"revision", model.revision},
          {"tags", model.tags},
          {"fragments", model.fragments},
          {"stores", health.stores},
          {"health", engine::to_string(health.health)},
          {"domains_may_go", number_or_null(health.domains_may_go)},
          {"oldest_proof", time_or_null(health.oldest_proof)}};
}

ordered_json to_json(const engine::RevisionSummary& revision) {
  return {{"revision", revision.revision},
          {"size_bytes", revision.size_bytes},
          {"created_at", time_json(revision.created_at)},
          {"tags", revision.tags}};
}

ordered_json to_json(const FileEntry& file) {
  ordered_json json = {{"path", file.path},
                       {"size_bytes", file.size_bytes},
                       {"sha256", to_hex(file.sha256)},
                       {"format", file.format},
                       {"fragments", file.fragments}};
  if (!file.trouble.empty()) json["trouble"] = file.trouble;
  return json;
}

}  // namespace modelfloat::server
