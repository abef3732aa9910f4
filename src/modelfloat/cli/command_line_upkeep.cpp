// The commands verify, repair, rebalance, plan and drill.

#include <charconv>

#include "modelfloat/cli/command_line.h"

namespace modelfloat::cli {
namespace {

// Parses the name of a whole model, without tag or revision.
ModelRef whole_model_of(const std::string& text) {
  if (text.find_first_of(":@") != std::string::npos) {
    throw CLI::ValidationError(text + ": this takes a model as a whole, without tag or revision");
  }
  return model_of(text);
}

// Accepts "5%", "0.5%" and "5"; turns it into the number alone.
CLI::Validator is_percentage() {
  const auto transform = [](std::string& text) -> std::string {
    const std::string number = text.ends_with('%') ? text.substr(0, text.size() - 1) : text;
    double percent = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), percent);
    if (error != std::errc{} || end != number.data() + number.size() || !(percent > 0 && percent <= 100))
      return "'" + text + "' is not a share such as 5% or 0.5%";
    text = number;
    return {};
  };
  return {transform, ""};
}

void add_verify(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "verify",
                              "Is everything still there, and right? Exit code 0: sound; 4: damaged, but all can "
                              "be read; 5: not all can.",
                              "modelfloat verify --read");
  command.add_option("name", line.name, "Only this model");
  auto* read = command.add_flag(
      "--read", line.verify.read,
      "Read every object that a model needs and check its bytes, and the SHA-256 of every file, not only "
      "the lists");
  command
      .add_option("--sample", line.verify.sample_percent,
                  "Read this share of all bytes, those first that were proven right longest ago: 5% each day reads "
                  "everything in 20 days")
      ->transform(is_percentage())
      ->type_name("P%")
      ->excludes(read);
  on(command, line, [&line] {
    if (!line.name.empty()) line.verify.model = whole_model_of(line.name);
    return [&line](Session& session) { return verify(session, line.verify); };
  });
}

void add_repair(CLI::App& app, CommandLine& line) {
  auto& command = add_command(
      app, "repair",
      "Write again what is missing or damaged on the stores, the models first that can lose the fewest stores. Only "
      "adds. A store that is offline is taken for gone. Exit code 0: all is as promised; 4: some models can be read, "
      "but survive less than promised; 5: some cannot be read any more. With --maintenance-key-file it needs no pool "
      "here, and repairs that of the stores that are given; all of them should be.",
      "modelfloat repair --dry-run");
  auto& arguments = line.repair;
  command.add_option("name", line.name, "Only this model");
  add_budget(command, arguments.budget_bytes);
  command.add_flag("--dry-run", arguments.dry_run, "Only say what would be done");
  command.add_option("--maintenance-key-file", arguments.maintenance_key_file,
                     "What modelfloat key export --maintenance has written: repair the pool of the --store options "
                     "with it, whatever this home has");
  command.add_flag("--read", arguments.read,
                   "With --maintenance-key-file: first read every copy, and replace those that are damaged, too "
                   "(a home of the pool has verify --read for that)");
  add_given_stores(command, arguments.stores,
                   {"What it fails together with; by default as for store add", "Use no more than this"});
  on(command, line, [&line] {
    auto& repairing = line.repair;
    if (repairing.maintenance_key_file.empty()) {
      if (!repairing.stores.empty())
        throw CLI::ValidationError(
            "repair: --store goes with --maintenance-key-file; a home with a pool knows its stores");
      if (repairing.read)
        throw CLI::ValidationError(
            "repair: --read goes with --maintenance-key-file; here, run modelfloat verify --read before");
    } else {
      if (repairing.stores.empty())
        throw CLI::ValidationError("repair: --maintenance-key-file needs --store for each store of the pool");
      if (!line.name.empty())
        throw CLI::ValidationError(line.name + ": with --maintenance-key-file the names of models are not known");
      if (!line.global.key_file.empty() || !line.global.passphrase_file.empty() || line.global.cached)
        throw CLI::ValidationError(
            "repair: --maintenance-key-file goes without --key-file, --passphrase-file and --cached");
    }
    if (!line.name.empty()) repairing.model = whole_model_of(line.name);
    return [&line](Session& session) { return repair(session, line.repair); };
  });
}

void add_rebalance(CLI::App& app, CommandLine& line) {
  auto& command = add_command(
      app, "rebalance",
      "Copy shards from the fullest stores to the emptiest, such as one that was just added. Every model keeps its "
      "promise all the time. The old copies stay until they are collected. Exit code 4: something is left to do.",
      "modelfloat rebalance --budget 50GB");
  add_budget(command, line.rebalance.budget_bytes);
  command.add_flag("--dry-run", line.rebalance.dry_run, "Only say what would be done");
  on(command, line, [&line] { return [&line](Session& session) { return rebalance(session, line.rebalance); }; });
}

void add_plan(CLI::App& app, CommandLine& line) {
  auto& command =
      add_command(app, "plan",
                  "What would be lost, and what a repair would copy, if these stores were gone? By the lists of the "
                  "stores. Exit code 5: a model would be lost; 4: one would survive less than promised.",
                  "modelfloat plan --without mega --without disk1");
  command.add_option("--without", line.names, "A store that is taken for gone; as often as needed")->type_name("STORE");
  on(command, line, [&line] { return [&line](Session& session) { return plan(session, line.names); }; });
}

void add_drill(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "drill",
                              "Read every model as if these stores were gone, and check every byte. `status` shows "
                              "when that was last done. Exit code 5: a model could not be read.",
                              "modelfloat drill --without mega");
  command.add_option("--without", line.names, "A store that is not used; as often as needed")->type_name("STORE");
  on(command, line, [&line] { return [&line](Session& session) { return drill(session, line.names); }; });
}

}  // namespace

void add_upkeep(CLI::App& app, CommandLine& line) {
  add_verify(app, line);
  add_repair(app, line);
  add_rebalance(app, line);
  add_plan(app, line);
  add_drill(app, line);
}

}  // namespace modelfloat::cli
