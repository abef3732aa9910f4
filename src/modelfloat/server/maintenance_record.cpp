#include <nlohmann/json.hpp>

#include "modelfloat/base/log.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/maintenance.h"

namespace modelfloat::server {
namespace {

using nlohmann::json;

std::int64_t number_of(UtcTime time) { return time.time_since_epoch().count(); }
UtcTime time_of(const json& value) { return UtcTime(Milliseconds(value.get<std::int64_t>())); }

}  // namespace

std::string to_text(const MaintenanceRecord& record) {
  json offline = json::object();
  for (const auto& [store, time] : record.offline) offline[store] = time.count();
  json not_before = json::object();
  for (const auto& [kind, time] : record.not_before) not_before[kind] = number_of(time);
  return to_text(json{{"scrubbed_at", number_of(record.scrubbed_at)},
                      {"repaired_at", number_of(record.repaired_at)},
                      {"is_settled", record.is_settled},
                      {"damage_left", record.damage_left},
                      {"repaired_without", record.repaired_without},
                      {"offline", std::move(offline)},
                      {"day", record.day},
                      {"downloaded", record.downloaded},
                      {"uploaded", record.uploaded},
                      {"not_before", std::move(not_before)},
                      {"job", record.job},
                      {"job_kind", record.job_kind},
                      {"job_began", number_of(record.job_began)},
                      {"charged_download", record.charged_download},
                      {"charged_upload", record.charged_upload},
                      {"job_day", record.job_day},
                      {"job_without", record.job_without}});
}

MaintenanceRecord maintenance_record_of(std::string_view text) {
  MaintenanceRecord record;
  if (text.empty()) return record;
  try {
    const auto value = json::parse(text);
    record.scrubbed_at = time_of(value.at("scrubbed_at"));
    record.repaired_at = time_of(value.at("repaired_at"));
    value.at("is_settled").get_to(record.is_settled);
    value.at("damage_left").get_to(record.damage_left);
    value.at("repaired_without").get_to(record.repaired_without);
    for (const auto& [store, time] : value.at("offline").items())
      record.offline[store] = Milliseconds(time.get<std::int64_t>());
    value.at("day").get_to(record.day);
    value.at("downloaded").get_to(record.downloaded);
    value.at("uploaded").get_to(record.uploaded);
    for (const auto& [kind, time] : value.at("not_before").items()) record.not_before[kind] = time_of(time);
    value.at("job").get_to(record.job);
    value.at("job_kind").get_to(record.job_kind);
    record.job_began = time_of(value.at("job_began"));
    value.at("charged_download").get_to(record.charged_download);
    value.at("charged_upload").get_to(record.charged_upload);
    value.at("job_day").get_to(record.job_day);
    value.at("job_without").get_to(record.job_without);
    return record;
  } catch (const json::exception&) {
    log_warning("what maintenance noted of its last runs cannot be read: it begins anew");
    return {};
  }
}

}  // namespace modelfloat::server
