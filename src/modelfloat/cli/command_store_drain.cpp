#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/server/report_json.h"

namespace modelfloat::cli {

ExitCode store_drain(Session& session, const std::string& name, const StoreDrainArguments& arguments) {
  session.require_writable_home();
  if (arguments.cancel) {
    engine::cancel_drain(session.pool(), name, session.call());
    if (session.options().json) print_json(nlohmann::ordered_json::object());
    session.tell(printable(name) + " is in use again");
    return ExitCode::ok;
  }
  engine::DrainOptions options;
  if (arguments.budget_bytes) options.budget_bytes = *arguments.budget_bytes;
  options.dry_run = arguments.dry_run;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { session.progress().show("copied", done, total); };
  session.progress().show("comparing lists");
  const auto report = engine::drain_store(session.pool(), name, options, session.call());
  session.progress().clear();
  if (session.options().json) {
    print_json(server::to_json(report));
  } else {
    print_text(fmt::format("{} {} shards, {}; {} left\n", arguments.dry_run ? "would copy" : "copied",
                           report.shards_moved, human_bytes(report.bytes_moved), report.left));
  }
  const bool is_done = report.left == 0 && report.packs_below_promise == 0 && report.doubts.empty();
  for (const std::string& doubt : report.doubts) session.warn(doubt);
  if (report.packs_below_promise > 0)
    session.warn(
        fmt::format("{} packs would survive less than was promised without {}: the other stores are in too few "
                    "failure domains, or have no room",
                    report.packs_below_promise, printable(name)));
  if (is_done && !arguments.dry_run)
    session.tell("all that it has is on other stores, too: modelfloat store rm " + printable(name));
  return is_done ? ExitCode::ok : ExitCode::degraded;
}

}  // namespace modelfloat::cli
