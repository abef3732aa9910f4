#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/server/report_json.h"

namespace modelfloat::cli {
namespace {

std::string to_text(const engine::RepairReport& report, bool dry_run) {
  std::string text;
  if (!report.unrepairable.empty()) {
    Table table({"MODEL", "FILE THAT CANNOT BE READ", "PACK"});
    for (const auto& one : report.unrepairable) table.add({one.model, one.file, to_hex(one.pack).substr(0, 12)});
    text += table.text() + "\n";
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
  if (report.is_lost) return ExitCode::lost;
  const bool all = report.unrepairable.empty() && report.packs_below_promise == 0 && report.doubts.empty();
  return all ? ExitCode::ok : ExitCode::degraded;
}

}  // namespace

ExitCode repair(Session& session, const RepairArguments& arguments) {
  session.require_a_store();
  session.progress().show("comparing lists");
  engine::RepairOptions options;
  if (arguments.model) options.model = arguments.model->model;
  if (arguments.budget_bytes) options.budget_bytes = *arguments.budget_bytes;
  options.dry_run = arguments.dry_run;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { session.progress().show("written", done, total); };
  const auto report = engine::repair(session.pool(), options, session.call());
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
