#pragma once
// The command line: which options there are, and what they are read into. Each
// command_line_<group>.cpp adds the commands of one group.

#include <functional>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/domain/model_ref.h"

namespace modelfloat::cli {

using Action = std::function<ExitCode(Session&)>;

// Everything that options are read into. Values that have a form are read into text, and parsed
// before anything runs.
struct CommandLine {
  GlobalOptions global;
  Action action;

  std::string text;  // the one word that several commands take
  std::vector<std::string> names;
  std::string name;
  std::string redundancy;
  std::string listen;
  InitArguments init;
  StoreAddArguments store_add;
  StoreSetArguments store_set;
  PushArguments push;
  PullArguments pull;
  CatArguments cat;
  VerifyArguments verify;
  RunArguments run;
  ServeArguments serve;
  RecoverArguments recover;
};

// The commands, as main.cpp puts them together. `line` outlives `app`.
void add_init(CLI::App& app, CommandLine& line);
void add_store(CLI::App& app, CommandLine& line);
void add_recover(CLI::App& app, CommandLine& line);
void add_models(CLI::App& app, CommandLine& line);
void add_inference(CLI::App& app, CommandLine& line);

// What the groups share.

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& what, const std::string& example);
// `action` is called once all options are read; it may throw CLI::ValidationError.
void on(CLI::App& command, CommandLine& line, const std::function<Action()>& action);

// A value that does not parse is a mistake in the command line: the reader is told how to call.
template <typename Parse>
auto parsed(const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
}

std::optional<Redundancy> redundancy_of(const std::string& text);
ModelRef model_of(const std::string& text);

constexpr const char* k_which_model =
    "NAME[:TAG] or NAME@REVISION; NAME alone means its tag latest, or where there is none, its newest tag";

// As store::parse_bandwidth reads it.
CLI::Validator is_bandwidth();

}  // namespace modelfloat::cli
