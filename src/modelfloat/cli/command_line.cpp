#include "modelfloat/cli/command_line.h"

#include "modelfloat/store/wrap/bandwidth.h"

namespace modelfloat::cli {

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& what, const std::string& example) {
  CLI::App* command = parent.add_subcommand(name, what);
  command->fallthrough();
  command->footer("Example: " + example + "\nOptions for all commands: modelfloat --help");
  return *command;
}

void on(CLI::App& command, CommandLine& line, const std::function<Action()>& action) {
  command.callback([&line, action] { line.action = action(); });
}

std::optional<Redundancy> redundancy_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return parsed([&] { return Redundancy::parse(text); });
}

ModelRef model_of(const std::string& text) {
  return parsed([&] { return ModelRef::parse(text); });
}

void add_budget(CLI::App& command, std::optional<std::uint64_t>& bytes) {
  command.add_option("--budget", bytes, "Begin with nothing more once this much was read and written")
      ->transform(size_in_bytes())
      ->type_name("SIZE");
}

CLI::Validator is_bandwidth() {
  const auto check = [](const std::string& text) -> std::string {
    try {
      store::parse_bandwidth(text, text);
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  };
  return {check, ""};
}

}  // namespace modelfloat::cli
