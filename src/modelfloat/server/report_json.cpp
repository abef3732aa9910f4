#include "modelfloat/server/report_json.h"

#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/server/json.h"

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
    models.push_back({{"name", model.name},
                      {"health", engine::to_string(model.health)},
                      {"domains_may_go", number_or_null(model.domains_may_go)},
                      {"oldest_proof", time_or_null(model.oldest_proof)}});
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

ordered_json to_json(const engine::RebalanceReport& report) {
  return {{"shards_moved", report.shards_moved}, {"bytes_moved", report.bytes_moved}};
}

ordered_json to_json(const engine::PlanReport& report) {
  const auto or_null = [](const std::optional<double>& seconds) {
    return seconds ? ordered_json(*seconds) : ordered_json();
  };
  auto at_risk = ordered_json::array();
  for (const auto& one : report.at_risk)
    at_risk.push_back({{"name", one.name}, {"domains_may_go", one.domains_may_go}});
  return {{"lost", report.lost},
          {"at_risk", std::move(at_risk)},
          {"bytes_to_copy", report.bytes_to_copy},
          {"copy_seconds", or_null(report.copy_seconds)},
          {"first_token_seconds", or_null(report.first_token_seconds)}};
}

ordered_json to_json(const engine::DrillReport& report) {
  return {{"checked", report.checked},
          {"lost", report.lost},
          {"bytes_read", report.bytes_read},
          {"seconds", report.seconds},
          {"at", time_json(report.at)}};
}

}  // namespace modelfloat::server
