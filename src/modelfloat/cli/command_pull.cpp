#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/expand_home.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/damage_notes.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/pull/pull.h"

namespace modelfloat::cli {

ExitCode pull(Session& session, const PullArguments& arguments) {
  const std::uint64_t total = session.open_manifest(arguments.model).root.size_bytes();
  const std::string what = "pulling " + arguments.model.model;
  DamageNotes notes;
  engine::TransferHooks hooks;
  hooks.progress = [&](std::uint64_t bytes_done) { session.progress().show(what, bytes_done, total); };
  hooks.finding = notes.sink();
  // `cached` is true, as the log was read just before.
  const auto result =
      engine::pull_to_path(session.pool(), arguments.model, expand_home(arguments.target), true, hooks, session.call());
  session.progress().clear();
  notes.tell(session);

  if (session.options().json) {
    print_json({{"path", result.path.string()},
                {"model", result.model},
                {"revision", result.revision},
                {"bytes", result.bytes},
                {"bytes_fetched", result.bytes_fetched},
                {"seconds", result.seconds}});
    return ExitCode::ok;
  }
  print_exactly(result.path.string() + "\n");
  session.tell(fmt::format("{}: {}, {}", result.model, human_bytes(result.bytes), human_seconds(result.seconds)));
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
