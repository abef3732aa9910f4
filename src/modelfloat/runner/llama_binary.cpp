#include "modelfloat/runner/llama_binary.h"

#include <cctype>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "modelfloat/base/child_process.h"
#include "modelfloat/base/error.h"
#include "modelfloat/base/find_program.h"
#include "modelfloat/runner/load_failure.h"
#include "modelfloat/runner/runner.h"

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<fs::path> cache_folder() {
  if (const auto named = variable("MODELFLOAT_CACHE")) return *named;
  if (const auto xdg = variable("XDG_CACHE_HOME")) return fs::path(*xdg) / "modelfloat";
  if (const auto home = variable("HOME")) return fs::path(*home) / ".cache/modelfloat";
  return std::nullopt;
}

std::optional<fs::path> newest_build() {
  const auto cache = cache_folder();
  if (!cache) return std::nullopt;
  std::optional<fs::path> newest;
  fs::file_time_type newest_time;
  std::error_code error;
  for (fs::directory_iterator entry(*cache, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path file = entry->path() / "llama-server";
    if (!entry->path().filename().string().starts_with("llama-") || !can_execute(file)) continue;
    std::error_code unreadable;
    const auto time = fs::last_write_time(file, unreadable);
    if (!unreadable && (!newest || time > newest_time)) {
      newest = file;
      newest_time = time;
    }
  }
  return newest;
}

bool is_option_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; }

}  // namespace

std::optional<fs::path> find_llama_server() {
  if (const auto named = variable("MODELFLOAT_LLAMA_SERVER")) {
    if (can_execute(*named)) return *named;
    throw Error(ErrorKind::unsupported, *named, "MODELFLOAT_LLAMA_SERVER names it, but it cannot be executed");
  }
  if (auto found = find_program("llama-server")) return found;
  return newest_build();
}

LlamaOptions::LlamaOptions(std::string_view help) {
  for (std::size_t at = 0; at < help.size(); ++at) {
    const bool begins_a_word = at == 0 || !is_option_character(help[at - 1]);
    if (help[at] != '-' || !begins_a_word) continue;
    std::size_t end = at;
    while (end < help.size() && is_option_character(help[end])) ++end;
    if (end > at + 1) options_.emplace(help.substr(at, end - at));
    at = end - 1;
  }
}

LlamaOptions probe_llama_server(const SandboxSpec& sandboxed, FileConfinement confinement,
                                const SandboxOptions& sandbox_options, const CallOptions& options) {
  const fs::path& program = sandboxed.program;
  Sandbox sandbox(sandboxed, confinement, sandbox_options);
  ChildSpec spec;
  spec.program = program;
  spec.arguments = {"--help"};
  spec.environment = llama_environment();
  spec.confinement = &sandbox;
  spec.output_limit = 1U << 20;
  ChildProcess child(spec);
  const ChildEnd end = child.wait(options);
  LlamaOptions known(child.output());
  if (!known.knows("--host") || !known.knows("--model")) {
    throw NoEngine(program.string(), fmt::format("is no llama-server that runs here: it ended with {}, and printed no "
                                                 "options of one",
                                                 describe_end(end, child.output())));
  }
  return known;
}

std::vector<std::string> llama_arguments(const LlamaLaunch& launch, const LlamaOptions& known) {
  std::vector<std::string> arguments = {
      "--model",        fmt::format("/proc/self/fd/{}", k_inherited_fd),
      "--host",         launch.socket.string(),
      "--api-key-file", "/proc/self/fd/0",
      "--alias",        launch.alias,
      "--threads",      std::to_string(launch.threads),
      "--ctx-size",     std::to_string(launch.context * launch.parallel),
      "--parallel",     std::to_string(launch.parallel),
  };
  const auto add = [&](const std::string& option, const std::string& value = "") {
    if (!known.knows(option)) return;
    arguments.push_back(option);
    if (!value.empty()) arguments.push_back(value);
  };
  // Each saves time before the first token, memory, or a way to do harm; none of them is needed.
  add("--fit", "off");
  add("--no-warmup");
  add("--offline");
  add("--no-ui");
  if (!known.knows("--no-ui")) add("--no-webui");
  add("--no-slots");
  // The default keeps up to 8 GiB of old prompts, which the RAM budget knows nothing of.
  add("--cache-ram", "0");
  add("--no-cache-idle-slots");
  // Progress is reported by the batch, and a time without any counts as a stall.
  add("--batch-size", "512");
  add("--sse-ping-interval", "-1");
  add("--verbosity", "2");  // at the default level the metadata of the model would stand in the log
  if (!launch.repack) add("--no-repack");
  return arguments;
}

std::vector<std::string> llama_environment() {
  return {"PATH=/usr/bin:/bin", "HOME=/dev/null", "TMPDIR=/dev/null",
          "LANG=C.UTF-8",       "TZ=UTC",         "LLAMA_CACHE=/dev/null"};
}

}  // namespace modelfloat::runner
