#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/upkeep/drill.h"
#include "modelfloat/engine/upkeep/plan.h"
#include "modelfloat/server/report_json.h"

namespace modelfloat::cli {

static std::string seconds_text(const std::optional<double>& seconds) {
  return seconds ? human_seconds(*seconds) : "unknown, as too little was measured";
}

static std::string to_text(const engine::PlanReport& report) {
  std::string text;
  Table table({"MODEL", "WOULD BE", ">MAY GO"});
  for (const std::string& name : report.lost) table.add({name, "lost", "-"});
  for (const auto& one : report.at_risk) table.add({one.name, "at risk", std::to_string(one.domains_may_go)});
  text += table.empty() ? "every model would keep its promise\n" : table.text();
  if (report.bytes_to_copy > 0)
    text += fmt::format("\nto copy by a repair: {}; that would take {}\n", human_bytes(report.bytes_to_copy),
                        seconds_text(report.copy_seconds));
  if (report.first_token_seconds)
    text += fmt::format("\nthe largest model would be in memory in {}\n", seconds_text(report.first_token_seconds));
  return text;
}

ExitCode plan(Session& session, const std::vector<std::string>& without) {
  session.require_a_store();
  session.progress().show("comparing lists");
  const auto report = engine::plan_without(session.pool(), without, session.call());
  session.progress().clear();
  for (const std::string& doubt : report.doubts) session.warn(doubt);
  if (session.options().json) {
    print_json(server::to_json(report));
  } else {
    print_text(to_text(report));
  }
  if (!report.lost.empty()) return ExitCode::lost;
  return report.at_risk.empty() ? ExitCode::ok : ExitCode::degraded;
}

ExitCode drill(Session& session, const std::vector<std::string>& without) {
  session.require_a_store();
  session.progress().show("reading the log");
  engine::DrillOptions options;
  options.without = without;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { session.progress().show("read", done, total); };
  const auto report = engine::drill(session.pool(), options, session.call());
  session.progress().clear();
  for (const std::string& doubt : report.doubts) session.warn(doubt);
  if (session.options().json) {
    print_json(server::to_json(report));
  } else {
    std::string text;
    for (const std::string& name : report.lost_models) text += name + " could not be read\n";
    print_text(text + fmt::format("{} models read and checked, {} lost: {} in {}\n", report.checked, report.lost,
                                  human_bytes(report.bytes_read), human_seconds(report.seconds)));
  }
  if (report.lost > 0) return ExitCode::lost;
  return report.doubts.empty() ? ExitCode::ok : ExitCode::degraded;
}

}  // namespace modelfloat::cli
