// The command key.

#include "modelfloat/cli/command_line.h"

namespace modelfloat::cli {

void add_key(CLI::App& app, CommandLine& line) {
  auto& group = add_command(app, "key", "Keys of the pool for others", "modelfloat key export --maintenance -o FILE");
  group.require_subcommand(1);
  auto& command =
      add_command(group, "export",
                  "Write a key that can do less than this home to a new file. --maintenance: one that can repair the "
                  "pool, and not read its models. Asks no store.",
                  "modelfloat key export --maintenance -o maintenance.key");
  command.add_flag("--maintenance")
      ->description("The key for modelfloat repair --maintenance-key-file; the only kind there is")
      ->required();
  command.add_option("-o,--output", line.text, "The file, which must not exist")->required();
  on(command, line, [&line] {
    if (line.text.empty() || line.text == "-")
      throw CLI::ValidationError("--output: name a file: a secret does not go to standard output");
    return [&line](Session& session) { return key_export(session, line.text); };
  });
}

}  // namespace modelfloat::cli
