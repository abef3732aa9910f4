// Reads the command line, runs the command, and turns its result into an exit code.

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/sanitizers.h"
#include "modelfloat/cli/command_line.h"
#include "modelfloat/cli/failure.h"
#include "modelfloat/cli/interrupt.h"
#include "modelfloat/cli/startup.h"

namespace modelfloat::cli {
namespace {

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

// The memory of this process has keys and passwords. So it makes no core dumps, and other programs
// of this user cannot attach to it. Child processes are not affected (exec resets the flag), and so
// can read the model by their own /proc/self/fd.
void keep_memory_private() {
  if (k_address_sanitizer) return;  // its leak check attaches to the process
  const rlimit nothing{0, 0};
  ::setrlimit(RLIMIT_CORE, &nothing);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // also for core dumps that are piped to a program
}

// Returns the command whose subcommand is missing, and the word in its place. CLI11 does not report
// these.
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

// Returns the arguments in the order that CLI11 expects: the last one first. Turns `help COMMAND`
// into `COMMAND --help`.
std::vector<std::string> arguments_of(int argc, char** argv) {
  // argv may be empty, even without the program's name.
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
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
  CLI::App app(
      "ModelFloat keeps AI models in pieces, encrypted, over the storage that you have, and runs them from there.",
      "modelfloat");
  app.require_subcommand(1);
  app.footer("Everything is under MODELFLOAT_HOME when that is set. More about a command: modelfloat COMMAND --help");
  CommandLine line;
  add_global(app, line);
  add_init(app, line);
  add_store(app, line);
  add_models(app, line);
  add_upkeep(app, line);
  add_inference(app, line);
  add_recover(app, line);
  add_key(app, line);
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
    errno = 0;
    if (app.exit(error) != 0) return static_cast<int>(ExitCode::usage);
    // An earlier flush of a part of the output may have failed.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      throw system_error(errno != 0 ? errno : EIO, "standard output", "takes no more");
    }
    return static_cast<int>(ExitCode::ok);  // --help or --version
  }
  return static_cast<int>(perform(line, started));
}

}  // namespace
}  // namespace modelfloat::cli

int main(int argc, char** argv) {
  modelfloat::cli::put_start_in_order();
  // Fragments are allocated and freed all the time. Their memory is kept: returning it to the
  // system and faulting it in again costs as much time as sealing them. Shards are larger. Their
  // memory is returned, so that the total stays bounded.
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
