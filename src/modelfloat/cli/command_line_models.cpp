// The commands push, pull, cat, ls, show, rm and status.

#include <charconv>

#include "modelfloat/cli/command_line.h"

namespace modelfloat::cli {
namespace {

ModelRef new_name_of(const std::string& text) {
  return parsed([&] { return ModelRef::parse_new(text); });
}

CLI::Validator is_whole_number() {
  const auto check = [](const std::string& text) -> std::string {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) return {};
    return "'" + text + "' is not a whole number from 0 to 2^64 - 1";
  };
  return {check, ""};
}

void add_push(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "push",
                              "Put a file or folder into the pool as a model. Only what is new is stored. Cut off, it "
                              "goes on where it was. Of a folder, what is below .git and .cache is left out, and "
                              "said so; links to files are followed, links to folders are refused.",
                              "modelfloat push llama.gguf --name meta/llama:v1");
  command.add_option("path", line.push.path, "A file, or a folder of files")->required();
  const auto* name = command.add_option(
      "--name", line.name,
      "NAMESPACE/NAME[:TAG]; by default library/ and the name of the folder, or of the file without its "
      "extension, which must not be that of a model with other content");
  command.add_option("--redundancy", line.redundancy, "K+M, instead of the pool's own");
  command.add_option("--description", line.push.description, "A line about it");
  command.add_option("--framework", line.push.framework, "What it was made with");
  on(command, line, [&line, name] {
    if (name->count() > 0) line.push.name = new_name_of(line.name);
    line.push.redundancy = redundancy_of(line.redundancy);
    return [&line](Session& session) { return push(session, line.push); };
  });
}

void add_pull(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "pull", "Bring a model back as a file, or as a folder when it has several files",
                              "modelfloat pull meta/llama:v1 -o llama.gguf");
  command.add_option("name", line.name, k_which_model)->required();
  const auto* output =
      command.add_option("-o,--output", line.pull.target,
                         "The file, or a folder: one that exists, or any name that ends in a slash. For several files "
                         "always the folder. By default here, by its name");
  on(command, line, [&line, output] {
    if (output->count() > 0 && line.pull.target.empty())
      throw CLI::ValidationError("--output: is empty; name a file or a folder (. for this one)");
    line.pull.model = model_of(line.name);
    return [&line](Session& session) { return pull(session, line.pull); };
  });
}

void add_cat(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "cat", "Write a file of a model, or a range of it, to standard output",
                              "modelfloat cat meta/llama config.json");
  command.add_option("name", line.name, k_which_model)->required();
  command.add_option("file", line.cat.file, "Its path inside the model")->required();
  command.add_option("--offset", line.cat.range.offset, "The first byte")->check(is_whole_number());
  command.add_option("--length", line.cat.range.length, "How many bytes; to the end by default")
      ->check(is_whole_number());
  on(command, line, [&line] {
    line.cat.model = model_of(line.name);
    line.global.json = false;  // only the file goes to standard output, not even errors
    return [&line](Session& session) { return cat(session, line.cat); };
  });
}

void add_catalogue(CLI::App& app, CommandLine& line) {
  auto& list_command = add_command(app, "ls", "List the models", "modelfloat ls");
  list_command.add_option("search", line.text, "Only names and descriptions that contain this");
  on(list_command, line, [&line] { return [&line](Session& session) { return list(session, line.text); }; });

  auto& show_command = add_command(app, "show", "All about a model: files, revisions, and where its shards lie",
                                   "modelfloat show meta/llama");
  show_command.add_option("name", line.text, std::string(k_which_model) + "; or its id")->required();
  on(show_command, line, [&line] {
    model_of(line.text);
    return [&line](Session& session) { return show(session, line.text); };
  });

  auto& remove_command =
      add_command(app, "rm",
                  "Remove a model with all its revisions and tags, or one tag, or one revision. A revision goes with "
                  "the last tag that points to it; the others stay, and pull NAME@REVISION still brings them back.",
                  "modelfloat rm meta/llama:v1");
  remove_command
      .add_option("name", line.name,
                  "NAME: the whole model; NAME:TAG: the tag, and its revision unless another tag points to it; "
                  "NAME@REVISION: the revision, and the tags that point to it")
      ->required();
  on(remove_command, line, [&line] {
    const auto model = model_of(line.name);
    return [model](Session& session) { return remove(session, model); };
  });

  auto& status_command =
      add_command(app, "status",
                  "The pool and its stores. The exit code is 4 when a store is offline, or when this "
                  "home may only read the pool; 6 when all stores are offline.",
                  "modelfloat status");
  on(status_command, line, [] { return status; });
}

}  // namespace

void add_models(CLI::App& app, CommandLine& line) {
  add_push(app, line);
  add_pull(app, line);
  add_cat(app, line);
  add_catalogue(app, line);
}

}  // namespace modelfloat::cli
