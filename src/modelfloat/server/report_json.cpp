#include "modelfloat/server/report_json.h"

#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"

namespace modelfloat::server {

using nlohmann::ordered_json;

ordered_json to_json(const engine::VerifyReport& report) {
  auto damaged = ordered_json::array();
  for (const auto& finding : report.damaged) {
    damaged.push_back({{"store", finding.store},
                       {"object", finding.object},
                       {"type", to_string(finding.type)},
                       {"what", to_string(finding.what)}});
  }
  auto models = ordered_json::array();
  for (const auto& model : report.models)
    models.push_back({{"name", model.name}, {"health", engine::to_string(model.health)}});
  return {{"damaged", std::move(damaged)},
          {"doubts", report.doubts},
          {"models", std::move(models)},
          {"bytes_read", report.bytes_read}};
}

ordered_json to_json(const engine::RepairReport& report) {
  auto unrepairable = ordered_json::array();
  for (const auto& one : report.unrepairable)
    unrepairable.push_back({{"model", one.model}, {"file", one.file}, {"pack", to_hex(one.pack)}});
  return {{"packs_checked", report.packs_checked},   {"packs_repaired", report.packs_repaired},
          {"shards_written", report.shards_written}, {"documents_written", report.documents_written},
          {"bytes_read", report.bytes_read},         {"bytes_written", report.bytes_written},
          {"unrepairable", std::move(unrepairable)}};
}

ordered_json to_json(const engine::DrainReport& report) {
  return {{"shards_moved", report.shards_moved}, {"bytes_moved", report.bytes_moved}, {"left", report.left}};
}

}  // namespace modelfloat::server
