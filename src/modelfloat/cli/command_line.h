#pragma once
// Defines the commands and options, and the struct that they are read into. Each
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

// The values of all options. A value with a syntax of its own is read as text first, and parsed
// before any command runs.
struct CommandLine {
  GlobalOptions global;
  Action action;

  std::string text;  // the single argument of several commands
  std::vector<std::string> names;
  std::string name;
  std::string redundancy;
  std::string listen;
  InitArguments init;
  StoreAddArguments store_add;
  StoreSetArguments store_set;
  StoreDrainArguments store_drain;
  bool force = false;
  PushArguments push;
  PullArguments pull;
  CatArguments cat;
  VerifyArguments verify;
  RepairArguments repair;
  RebalanceArguments rebalance;
  RunArguments run;
  ServeArguments serve;
  RecoverArguments recover;
};

// Each adds the commands of one group; main.cpp calls them. `line` outlives `app`.
void add_init(CLI::App& app, CommandLine& line);
void add_store(CLI::App& app, CommandLine& line);
void add_recover(CLI::App& app, CommandLine& line);
void add_models(CLI::App& app, CommandLine& line);
void add_upkeep(CLI::App& app, CommandLine& line);
void add_key(CLI::App& app, CommandLine& line);
void add_inference(CLI::App& app, CommandLine& line);

// Shared by the groups.

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& what, const std::string& example);
// Calls `action` when this command was given and all options are read. `action` may throw
// CLI::ValidationError.
void on(CLI::App& command, CommandLine& line, const std::function<Action()>& action);

// Adds --store, which may be given several times, and the options that belong to the --store before
// them. `stores` outlives `command`. Returns the option --store.
struct GivenStoreHelp {
  const char* domain;    // of --domain
  const char* capacity;  // of --capacity
};
CLI::Option& add_given_stores(CLI::App& command, std::vector<GivenStore>& stores, const GivenStoreHelp& help);

// Replaces a size by its number of bytes. CLI11's own validator would overflow for negative and
// very large values.
CLI::Validator size_in_bytes();

// The option --budget of jobs that write.
void add_budget(CLI::App& command, std::optional<std::uint64_t>& bytes);

// Returns what `parse` returns. Turns an Error of parsing into CLI::ValidationError, so that the
// user sees the usage text.
template <typename Parse>
auto parsed(const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
}

// Both throw CLI::ValidationError when the text does not parse. The redundancy of an empty text is
// nullopt.
std::optional<Redundancy> redundancy_of(const std::string& text);
ModelRef model_of(const std::string& text);

constexpr const char* k_which_model =
    "NAME[:TAG] or NAME@REVISION; NAME alone means its tag latest, or where there is none, its newest tag";

// Accepts what store::parse_bandwidth() accepts.
CLI::Validator is_bandwidth();

}  // namespace modelfloat::cli
