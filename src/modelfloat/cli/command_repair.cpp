#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/given_stores.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/engine/upkeep/maintenance_repair.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/server/report_json.h"

namespace modelfloat::cli {
namespace {

std::string to_text(const engine::RepairReport& report, bool dry_run) {
  std::string text;
  if (!report.unrepairable.empty()) {
    Table table({"MODEL", "FILE THAT CANNOT BE READ NOW", "PACK"});
    for (const auto& one : report.unrepairable) {
      const bool is_known = !one.model.empty();  // not so with a maintenance key
      table.add({is_known ? one.model : "?", is_known ? one.file : "?", to_hex(one.pack).substr(0, 12)});
    }
    text += table.text() + "\n";
    if (!report.is_lost)
      text += "Stores that cannot be read now may have what is missing: bring them back, and repair again.\n\n";
  }
  if (report.shards_written == 0 && report.documents_written == 0) {
    text += fmt::format("{} packs checked: nothing to write\n", report.packs_checked);
  } else {
    text +=
        fmt::format("{} packs checked, {} {}: {} shards and {} documents, {} read, {} written\n", report.packs_checked,
                    report.packs_repaired, dry_run ? "would be repaired" : "repaired", report.shards_written,
                    report.documents_written, human_bytes(report.bytes_read), human_bytes(report.bytes_written));
  }
  if (report.packs_below_promise > 0)
    text += fmt::format("{} packs survive less than was promised\n", report.packs_below_promise);
  return text;
}

ExitCode code_of(const engine::RepairReport& report) {
  // A store that is offline is taken for gone.
  if (report.is_lost || !report.unrepairable.empty()) return ExitCode::lost;
  const bool all = report.packs_below_promise == 0 && report.doubts.empty();
  return all ? ExitCode::ok : ExitCode::degraded;
}

// Repairs the pool of the given stores. The home, and a pool that it may have, are not used.
engine::RepairReport repair_with_key(Session& session, const RepairArguments& arguments,
                                     engine::RepairOptions options) {
  const auto key = read_maintenance_key_file(arguments.maintenance_key_file);
  GivenStores given(session, arguments.stores);
  std::vector<engine::MaintenanceStore> stores;
  for (std::size_t i = 0; i < arguments.stores.size(); ++i) {
    const std::string& url = given.urls()[i];
    if (std::any_of(stores.begin(), stores.end(), [&](const auto& one) { return one.url == url; }))
      throw Error(ErrorKind::invalid, url, "is given twice");
    const GivenStore& store = arguments.stores[i];
    stores.push_back({url, store.domain.empty() ? given.default_domain(url) : store.domain, store.capacity_bytes});
  }
  engine::MaintenanceOptions maintenance;
  maintenance.repair = std::move(options);
  maintenance.read = arguments.read;
  return engine::repair_with_maintenance_key(
      session.environment_without_home(), key, stores, [&](const std::string& url) { return given.open(url); },
      maintenance, session.call());
}

}  // namespace

ExitCode repair(Session& session, const RepairArguments& arguments) {
  const bool by_key = !arguments.maintenance_key_file.empty();
  if (!by_key) session.require_a_store();
  engine::RepairOptions options;
  if (arguments.model) options.model = arguments.model->model;
  if (arguments.budget_bytes) options.budget_bytes = *arguments.budget_bytes;
  options.dry_run = arguments.dry_run;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { session.progress().show("written", done, total); };
  session.progress().show("comparing lists");
  const auto report = by_key ? repair_with_key(session, arguments, std::move(options))
                             : engine::repair(session.pool(), options, session.call());
  session.progress().clear();

  for (const std::string& doubt : report.doubts) session.warn(doubt);
  if (session.options().json) {
    print_json(server::to_json(report));
  } else {
    print_text(to_text(report, arguments.dry_run));
  }
  return code_of(report);
}

}  // namespace modelfloat::cli
