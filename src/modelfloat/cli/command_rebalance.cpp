#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/upkeep/rebalance.h"
#include "modelfloat/server/report_json.h"

namespace modelfloat::cli {

ExitCode rebalance(Session& session, const RebalanceArguments& arguments) {
  session.require_a_store();
  session.progress().show("comparing lists");
  engine::RebalanceOptions options;
  if (arguments.budget_bytes) options.budget_bytes = *arguments.budget_bytes;
  options.dry_run = arguments.dry_run;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { session.progress().show("copied", done, total); };
  const auto report = engine::rebalance(session.pool(), options, session.call());
  session.progress().clear();

  for (const std::string& doubt : report.doubts) session.warn(doubt);
  if (session.options().json) {
    print_json(server::to_json(report));
  } else if (report.shards_moved + report.shards_left == 0) {
    print_text("the stores are as equally full as they can be\n");
  } else {
    print_text(fmt::format("{} {} shards, {}; {} left\n", arguments.dry_run ? "would copy" : "copied",
                           report.shards_moved, human_bytes(report.bytes_moved), report.shards_left));
  }
  return report.shards_left == 0 && report.doubts.empty() ? ExitCode::ok : ExitCode::degraded;
}

}  // namespace modelfloat::cli
