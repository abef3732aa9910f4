// Reads the command line, calls the command, and turns what comes of it into an exit code.

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <functional>

#include <CLI/CLI.hpp>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "modelfloat/base/log.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/failure.h"
#include "modelfloat/cli/interrupt.h"
#include "modelfloat/store/store_factory.h"
#include "modelfloat/store/wrap/bandwidth.h"

namespace modelfloat::cli {
namespace {

using Action = std::function<ExitCode(Session&)>;

// Everything that options are read into. Values that have a form are read into text, and parsed before anything runs.
struct CommandLine {
  GlobalOptions global;
  Action action;

  std::string text;  // the one word that several commands take
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
  RecoverArguments recover;
};

// A value that does not parse is a mistake in the command line: the reader is told how to call.
template <typename Parse>
auto parsed(const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
}

std::optional<Redundancy> redundancy_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return parsed([&] { return Redundancy::parse(text); });
}

engine::ModelRef model_of(const std::string& text) {
  return parsed([&] { return engine::ModelRef::parse(text); });
}

// A model as a whole: no tag, no revision.
engine::ModelRef whole_model_of(const std::string& text) {
  if (text.find_first_of(":@") != std::string::npos) {
    throw CLI::ValidationError(text + ": this takes a model as a whole, without tag or revision");
  }
  return model_of(text);
}

engine::ModelRef new_name_of(const std::string& text) {
  if (text.find('@') != std::string::npos) {
    throw CLI::ValidationError(text + ": the revision of a new model is not chosen: NAMESPACE/NAME[:TAG]");
  }
  return model_of(text);
}

constexpr const char* k_which_model =
    "NAME[:TAG] or NAME@REVISION; NAME alone means its tag latest, or where there is none, its newest tag";

server::Scope scope_of(const std::string& text) {
  const auto scope = server::scope_from(text);
  if (!scope) throw CLI::ValidationError(text + ": a scope is read, write, infer or admin");
  return *scope;
}

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& what, const std::string& example) {
  CLI::App* command = parent.add_subcommand(name, what);
  command->fallthrough();
  command->footer("Example: " + example + "\nOptions for all commands: modelfloat --help");
  return *command;
}

void on(CLI::App& command, CommandLine& line, const std::function<Action()>& action) {
  command.callback([&line, action] { line.action = action(); });
}

void add_init(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "init",
                              "Make a new pool here. Without --key-file or --passphrase-file a key file is made in "
                              "the home. Prints the recovery code, once.",
                              "modelfloat init --survive 2");
  auto* survive = command.add_option("--survive", line.init.survive,
                                     "How many failure domains may vanish; the pool chooses the redundancy for it");
  survive->check(CLI::Range(0U, Redundancy::k_max_parity))->capture_default_str();
  command.add_option("--redundancy", line.redundancy, "K+M: any K of K+M shards give a pack back; 1+M is copies")
      ->excludes(survive);
  on(command, line, [&line] {
    line.init.redundancy = redundancy_of(line.redundancy);
    return [&line](Session& session) { return init(session, line.init); };
  });
}

constexpr const char* k_api_url_help =
    "The root of the provider's server, for one of your own; its public one by default";
constexpr const char* k_token_url_help = "The whole address that gives access tokens; the provider's by default";
constexpr const char* k_credentials_help =
    "A JSON file with what opens the account; only you should be able to read it";

constexpr const char* k_store_bandwidth_help =
    "Bytes a second for this store, as --bwlimit of the program: 10M, 10M:2M (up:down) or off";

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

// Writes a size as the number of bytes that it is: CLI11's own would wrap what is negative or too large.
CLI::Validator size_in_bytes() {
  const auto transform = [](std::string& text) -> std::string {
    try {
      text = std::to_string(parse_size(text));
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  };
  return {transform, ""};
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

CLI::Validator is_not_empty() {
  const auto check = [](const std::string& text) -> std::string {
    return text.find_first_not_of(' ') == std::string::npos ? "it must not be empty" : "";
  };
  return {check, ""};
}

void add_store(CLI::App& app, CommandLine& line) {
  auto& group = add_command(app, "store", "The places that the pool keeps its objects in",
                            "modelfloat store add disk1 local:/mnt/disk1/models");
  group.require_subcommand(1);

  auto& add = add_command(
      group, "add",
      "Make a place part of the pool. Its folder is made where it is missing. What opens the account comes from "
      "--credentials-file, from MODELFLOAT_STORE_<NAME>_<FIELD> in the environment, or is asked for.",
      "modelfloat store add disk1 local:/mnt/disk1/models");
  add.add_option("name", line.store_add.name, "What you call it")->required()->check(is_not_empty());
  add.add_option("url", line.store_add.url, "Such as " + store::example_urls())->required();
  add.add_option("--domain", line.store_add.domain,
                 "What it fails together with; by default the company or host of a cloud store, a folder by itself");
  add.add_option("--capacity", line.store_add.capacity_bytes, "Use no more than this, such as 50GB, 1.5TB or 2TiB")
      ->transform(size_in_bytes());
  add.add_option("--api-url", line.store_add.options.api_url, k_api_url_help);
  add.add_option("--token-url", line.store_add.options.token_url, k_token_url_help);
  add.add_option("--credentials-file", line.store_add.options.credentials_file, k_credentials_help);
  add.add_option("--bwlimit", line.store_add.bandwidth, k_store_bandwidth_help)->check(is_bandwidth());
  on(add, line, [&line] { return [&line](Session& session) { return store_add(session, line.store_add); }; });

  auto& set = add_command(
      group, "set",
      "Change how a store is used. Alone with its name, or in the environment, it takes new credentials, which another "
      "machine of the pool needs once.",
      "modelfloat store set mega --credentials-file mega.json");
  set.add_option("name", line.store_set.name, "The store")->required();
  set.add_option("--domain", line.store_set.domain, "What it fails together with");
  set.add_option("--capacity", line.store_set.capacity_bytes, "Use no more than this, such as 50GB; 0 for no limit")
      ->transform(size_in_bytes());
  set.add_option("--api-url", line.store_set.api_url, k_api_url_help);
  set.add_option("--token-url", line.store_set.token_url, k_token_url_help);
  set.add_option("--credentials-file", line.store_set.credentials_file, k_credentials_help);
  set.add_option("--bwlimit", line.store_set.bandwidth, k_store_bandwidth_help)->check(is_bandwidth());
  on(set, line, [&line] { return [&line](Session& session) { return store_set(session, line.store_set); }; });

  auto& list = add_command(group, "ls", "List the stores", "modelfloat store ls");
  on(list, line, [] { return store_list; });

  auto& remove = add_command(
      group, "rm", "Forget a store; its objects stay where they are. Refused when a model could not be read any more.",
      "modelfloat store rm disk1");
  remove.add_option("name", line.text, "The store")->required();
  on(remove, line, [&line] { return [&line](Session& session) { return store_remove(session, line.text); }; });

  auto& test = add_command(group, "test",
                           "Write, read, list and delete an object there, and print what that tells about the store",
                           "modelfloat store test disk1");
  test.add_option("name", line.text, "The store")->required();
  on(test, line, [&line] { return [&line](Session& session) { return store_test(session, line.text); }; });

  auto& touch = add_command(
      group, "touch",
      "Keep accounts alive that their provider closes when nobody uses them: write and delete a small object there",
      "modelfloat store touch");
  touch.add_option("name", line.text, "Only this store");
  on(touch, line, [&line] { return [&line](Session& session) { return store_touch(session, line.text); }; });
}

void add_push(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "push",
                              "Put a file or folder into the pool as a model. Only what is new is stored. Cut off, it "
                              "goes on where it was. Of a folder, what is below .git and .cache is left out, and "
                              "said so; links to files are followed, links to folders are refused.",
                              "modelfloat push llama.gguf --name meta/llama:v1");
  command.add_option("path", line.push.path, "A file, or a folder of files")->required();
  const auto* name =
      command.add_option("--name", line.name, "NAMESPACE/NAME[:TAG]; by default library/ and the name of the file");
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
  command.add_option("-o,--output", line.pull.target,
                     "The file, or a folder that exists; for several files the folder. By default here, by its name");
  on(command, line, [&line] {
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
      add_command(app, "rm", "Remove a model with all its revisions and tags", "modelfloat rm meta/llama");
  remove_command.add_option("name", line.name, "NAME")->required();
  on(remove_command, line, [&line] {
    const auto model = whole_model_of(line.name);
    return [model](Session& session) { return remove(session, model); };
  });

  auto& status_command =
      add_command(app, "status", "The pool and its stores. The exit code is 4 when a store is offline, 6 when all are.",
                  "modelfloat status");
  on(status_command, line, [] { return status; });

  auto& verify_command =
      add_command(app, "verify",
                  "Is everything still there, and right? Exit code 0: sound; 4: damaged, but all can "
                  "be read; 5: not all can.",
                  "modelfloat verify --read");
  verify_command.add_option("name", line.name, "Only this model");
  verify_command.add_flag("--read", line.verify.read, "Read every object and check its bytes, not only the lists");
  on(verify_command, line, [&line] {
    if (!line.name.empty()) line.verify.model = whole_model_of(line.name);
    return [&line](Session& session) { return verify(session, line.verify); };
  });
}

void add_inference(CLI::App& app, CommandLine& line) {
  auto& run_command = add_command(app, "run", "Bring a model into memory and let it complete a prompt",
                                  "modelfloat run meta/llama \"The capital of France is\" -n 32");
  run_command.add_option("name", line.name, k_which_model)->required();
  run_command.add_option("prompt", line.run.prompt, "The text to go on with")->required();
  run_command.add_option("-n,--max-tokens", line.run.max_tokens, "How many tokens at the most")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20))
      ->capture_default_str();
  run_command.add_option("--temperature", line.run.temperature, "From 0, which always takes the likeliest token, to 2")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  on(run_command, line, [&line] {
    line.run.model = model_of(line.name);
    return [&line](Session& session) { return run(session, line.run); };
  });

  auto& serve_command =
      add_command(app, "serve", "Serve the pool over HTTP until it is stopped. Every request needs a token.",
                  "modelfloat serve --listen 127.0.0.1:8080");
  serve_command.add_option("--listen", line.listen,
                           "ADDRESS:PORT; 127.0.0.1:8080, or listen in config.toml, by default");
  on(serve_command, line, [&line] {
    std::optional<ListenAddress> address;
    if (!line.listen.empty()) address = parsed([&] { return parse_listen_address(line.listen); });
    return [address](Session& session) { return serve(session, address); };
  });

  auto& group = add_command(app, "token", "Access tokens for the server", "modelfloat token create --scope infer");
  group.require_subcommand(1);
  auto& create =
      add_command(group, "create", "Make a token. It is shown once.", "modelfloat token create --scope infer");
  create.add_option("--scope", line.text, "read, write, infer, or admin for all")->required();
  on(create, line, [&line] {
    const auto scope = scope_of(line.text);
    return [scope](Session& session) { return token_create(session, scope); };
  });
  auto& list_command = add_command(group, "ls", "List the tokens, not what they say", "modelfloat token ls");
  on(list_command, line, [] { return token_list; });
  auto& remove_command = add_command(group, "rm", "Take a token back", "modelfloat token rm 3f2a9c");
  remove_command.add_option("id", line.text, "As 'token ls' shows it")->required();
  on(remove_command, line, [&line] { return [&line](Session& session) { return token_remove(session, line.text); }; });
}

void add_recover(CLI::App& app, CommandLine& line) {
  auto& command =
      add_command(app, "recover",
                  "Bring a pool back on an empty home from its stores and one secret: --recovery-code-file, "
                  "--key-file or --passphrase-file.",
                  "modelfloat recover --recovery-code-file code.txt --store local:/mnt/disk1/models");
  command.add_option("--recovery-code-file", line.recover.recovery_code_file, "A file with the recovery code");
  auto& stores = line.recover.stores;
  command
      .add_option_function<std::string>(
          "--store", [&stores](const std::string& url) { stores.push_back({url, {}, 0, {}, {}}); },
          "A store's URL; as often as there are stores. The options below belong to the --store before them.")
      ->required()
      ->trigger_on_parse();
  const auto last = [&stores](const char* option) -> RecoverStore& {
    if (stores.empty())
      throw CLI::ValidationError(std::string(option) + ": goes behind the --store that it is meant for");
    return stores.back();
  };
  command
      .add_option_function<std::string>(
          "--credentials-file",
          [last](const std::string& file) { last("--credentials-file").options.credentials_file = file; },
          "What opens its account; or MODELFLOAT_STORE_<N>_<FIELD> for the N-th --store")
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--api-url", [last](const std::string& url) { last("--api-url").options.api_url = url; }, k_api_url_help)
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--token-url", [last](const std::string& url) { last("--token-url").options.token_url = url; },
          k_token_url_help)
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--domain", [last](const std::string& domain) { last("--domain").domain = domain; },
          "What it fails together with, if not as the pool says")
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--bwlimit", [last](const std::string& text) { last("--bwlimit").bandwidth = text; }, k_store_bandwidth_help)
      ->check(is_bandwidth())
      ->trigger_on_parse();
  command
      .add_option_function<std::uint64_t>(
          "--capacity", [last](std::uint64_t bytes) { last("--capacity").capacity_bytes = bytes; },
          "Use no more than this, if not as the pool says")
      ->transform(size_in_bytes())
      ->trigger_on_parse();
  on(command, line, [&line] {
    const int secrets = (line.recover.recovery_code_file.empty() ? 0 : 1) + (line.global.key_file.empty() ? 0 : 1) +
                        (line.global.passphrase_file.empty() ? 0 : 1);
    if (secrets != 1) {
      throw CLI::ValidationError("recover: give one of --recovery-code-file, --key-file and --passphrase-file");
    }
    return [&line](Session& session) { return recover(session, line.recover); };
  });
}

void add_global(CLI::App& app, CommandLine& line) {
  auto& global = line.global;
  app.add_flag("--json", global.json, "Print one JSON object");
  app.add_flag("-q,--quiet", global.quiet, "No progress and no remarks");
  app.add_flag("-v,--verbose", global.verbose, "Say what happens; twice: everything");
  app.add_flag("--cached", global.cached, "Believe what this machine remembers; don't ask the stores for news first");
  auto* key_file = app.add_option("--key-file", global.key_file, "The key file that opens the pool");
  app.add_option("--passphrase-file", global.passphrase_file,
                 "A file with the passphrase that opens the pool; or MODELFLOAT_PASSPHRASE_FILE")
      ->excludes(key_file);
  app.add_option("--bwlimit", global.bandwidth,
                 "Bytes a second, of all stores together: 10M, 10M:2M (up:down) or off; B, K, M, G are powers of 1024")
      ->check(is_bandwidth());
  app.set_version_flag("--version", "modelfloat " + version_text());
}

void set_up_logging(const GlobalOptions& options) {
  if (options.verbose > 1) {
    set_log_level(LogLevel::debug);
  } else if (options.verbose == 1) {
    set_log_level(LogLevel::info);
  } else if (options.quiet) {
    set_log_level(LogLevel::error);
  }
}

ExitCode perform(CommandLine& line, SteadyTime started) {
  try {
    const InterruptWatch interrupts;
    set_up_logging(line.global);
    Session session(line.global, interrupts.token(), started);
    return line.action(session);
  } catch (const std::exception& error) {
    return report_failure(error, line.global.json);
  }
}

// Keys and passwords lie in this memory: no core dump has them, and no other program of this user attaches to it. What we start is free again
// (exec sets the flag anew), and reads the model by its own /proc/self/fd.
void keep_memory_private() {
#if !defined(__SANITIZE_ADDRESS__)  // its search for leaks attaches to the program
  const rlimit nothing{0, 0};
  ::setrlimit(RLIMIT_CORE, &nothing);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // counts where cores go to a program instead of a file
#endif
}

// The command whose subcommand is missing, and the word that stands there instead: CLI11 does not tell it.
std::optional<std::string> unknown_command(const CLI::App& app) {
  const CLI::App* innermost = &app;
  while (!innermost->get_subcommands().empty()) innermost = innermost->get_subcommands().back();
  if (innermost->get_require_subcommand_min() == 0) return std::nullopt;
  const auto words = app.remaining(true);
  const auto word =
      std::find_if(words.begin(), words.end(), [](const std::string& text) { return !text.starts_with('-'); });
  if (word == words.end()) return std::nullopt;
  const std::string before = innermost == &app ? "" : innermost->get_name() + " ";
  return before + printable(*word);
}

// `help COMMAND` is `COMMAND --help`. In the order that CLI11 wants: the last one first.
std::vector<std::string> arguments_of(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments.front() == "help") {
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

int start(int argc, char** argv) {
  const auto started = std::chrono::steady_clock::now();
  keep_memory_private();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of the write
  CLI::App app(
      "ModelFloat keeps AI models in pieces, encrypted, over the storage that you have, and runs them from there.",
      "modelfloat");
  app.require_subcommand(1);
  app.footer("Everything is under MODELFLOAT_HOME when that is set. More about a command: modelfloat COMMAND --help");
  CommandLine line;
  add_global(app, line);
  add_init(app, line);
  add_store(app, line);
  add_push(app, line);
  add_pull(app, line);
  add_cat(app, line);
  add_catalogue(app, line);
  add_inference(app, line);
  add_recover(app, line);
  on(add_command(app, "version", "Print the version", "modelfloat version"), line, [] { return version; });
  try {
    app.parse(arguments_of(argc, argv));
  } catch (const CLI::RequiredError& error) {
    if (const auto unknown = unknown_command(app)) {
      std::fprintf(stderr, "modelfloat: %s: no such command\nRun with --help for more information.\n",
                   unknown->c_str());
      return static_cast<int>(ExitCode::usage);
    }
    app.exit(error);
    return static_cast<int>(ExitCode::usage);
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(app.exit(error) == 0 ? ExitCode::ok : ExitCode::usage);
  }
  return static_cast<int>(perform(line, started));
}

}  // namespace
}  // namespace modelfloat::cli

int main(int argc, char** argv) {
  // Fragments come and go all the time: their memory is kept instead of being given back and faulted in again, which costs as much as sealing
  // them. Shards are larger; theirs goes back, so that the sum stays bounded.
  constexpr int k_fragments_below = 2 << 20;
  constexpr int k_keep_bytes = 16 << 20;
  mallopt(M_MMAP_THRESHOLD, k_fragments_below);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
  mallopt(M_TRIM_THRESHOLD, k_keep_bytes);       // NOLINT(concurrency-mt-unsafe)
  mallopt(M_ARENA_MAX, 2);                       // NOLINT(concurrency-mt-unsafe)
  try {
    return modelfloat::cli::start(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "modelfloat: %s\n", error.what());
    return 1;
  }
}
