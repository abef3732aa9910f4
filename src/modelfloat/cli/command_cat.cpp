#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/damage_notes.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/pull/pull.h"

namespace modelfloat::cli {

ExitCode cat(Session& session, const CatArguments& arguments) {
  const auto manifest = session.open_manifest(arguments.model);
  DamageNotes notes;
  engine::TransferHooks hooks;
  hooks.finding = notes.sink();
  engine::read_range(
      session.pool(), manifest, arguments.file, arguments.range, [](ByteSpan bytes) { write_stdout(bytes); }, hooks,
      session.call());
  notes.tell(session);
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
