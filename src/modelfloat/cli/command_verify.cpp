#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/format.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/server/report_json.h"

namespace modelfloat::cli {
namespace {

// An offline store may have thousands of objects. If there are more than k_named of a kind on a
// store, shows only their number. --json shows all.
std::string damage_text(const std::vector<transfer::Finding>& damaged) {
  constexpr std::size_t k_named = 20;  // of one kind on one store
  using Kind = std::tuple<std::string_view, transfer::Damage, ObjectType>;
  const auto kind_of = [](const transfer::Finding& finding) { return Kind(finding.store, finding.what, finding.type); };
  std::map<Kind, std::size_t> counts;  // 0: already shown
  for (const auto& finding : damaged) ++counts[kind_of(finding)];
  Table table({"STORE", "WHAT", "TYPE", "OBJECT"});
  for (const auto& finding : damaged) {
    std::size_t& count = counts[kind_of(finding)];
    if (count == 0) continue;
    const bool is_named = count <= k_named;
    // If no store has an object, it is not known which store should have it.
    table.add({finding.store.empty() ? "(any)" : finding.store, std::string(to_string(finding.what)),
               std::string(to_string(finding.type)),
               is_named ? finding.object : fmt::format("{} objects (--json names them)", count)});
    if (!is_named) count = 0;
  }
  return table.text();
}

std::string to_text(const engine::VerifyReport& report) {
  std::string text;
  if (!report.damaged.empty()) text += damage_text(report.damaged) + "\n";
  for (const std::string& doubt : report.doubts) text += printable(doubt) + "\n";
  if (!report.doubts.empty()) text += "\n";
  Table models({"MODEL", "HEALTH", ">MAY GO", "PROVEN SINCE"});
  for (const auto& model : report.models) {
    models.add({model.name, std::string(engine::to_string(model.health)), number_or_dash(model.domains_may_go),
                time_or_never(model.oldest_proof)});
  }
  return text + (models.empty() ? "no models\n" : models.text());
}

ExitCode code_of(const engine::VerifyReport& report) {
  if (!report.readable()) return ExitCode::lost;
  const bool all_sound = std::all_of(report.models.begin(), report.models.end(),
                                     [](const auto& model) { return model.health == engine::Health::sound; });
  return report.sound() && all_sound ? ExitCode::ok : ExitCode::degraded;
}

}  // namespace

ExitCode verify(Session& session, const VerifyArguments& arguments) {
  session.require_a_store();
  session.progress().show("comparing lists");
  engine::VerifyOptions options;
  if (arguments.model) options.model = arguments.model->model;
  options.read = arguments.read;
  options.sample_percent = arguments.sample_percent;
  options.progress = [&](std::uint64_t done, std::uint64_t total) { session.progress().show("read", done, total); };
  const auto report = engine::verify(session.pool(), options, session.call());
  session.progress().clear();

  if (session.options().json) {
    print_json(server::to_json(report));
  } else {
    print_text(to_text(report));
    const bool has_read = arguments.read || arguments.sample_percent;
    session.tell(has_read ? human_bytes(report.bytes_read) + " read and checked"
                          : std::string("only lists were compared: --read reads and checks every object"));
  }
  return code_of(report);
}

}  // namespace modelfloat::cli
