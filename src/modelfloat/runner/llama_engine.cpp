#include "modelfloat/runner/llama_engine.h"

#include <chrono>
#include <string_view>

#include <fmt/format.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/printable.h"
#include "modelfloat/runner/load_failure.h"

namespace modelfloat::runner {
namespace {

using std::chrono::steady_clock;

constexpr Milliseconds k_poll{4};  // between two looks at a child that loads; a look takes 0.1 ms

ChildSpec child_spec(const EngineSpec& spec, const LlamaOptions& options, Sandbox& sandbox) {
  ChildSpec child;
  child.program = spec.sandbox.program;
  child.arguments = llama_arguments(spec.launch, options);
  child.environment = llama_environment();
  child.input = spec.key + "\n";
  child.inherited_fd = spec.model_fd;
  child.confinement = &sandbox;
  return child;
}

std::string last_lines(std::string_view text, std::size_t lines) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::size_t begin = text.size();
  for (std::size_t i = 0; i < lines && begin != std::string_view::npos; ++i) {
    begin = begin == 0 ? std::string_view::npos : text.rfind('\n', begin - 1);
  }
  return std::string(begin == std::string_view::npos ? text : text.substr(begin + 1));
}

}  // namespace

LlamaEngine::LlamaEngine(const EngineSpec& spec, const LlamaOptions& options)
    : folder_(spec.folder),
      name_(spec.launch.alias),
      program_(spec.sandbox.program.string()),
      sandbox_(spec.sandbox, spec.confinement, spec.sandbox_options),
      child_(child_spec(spec, options, sandbox_)),
      client_(spec.launch.socket, spec.key, spec.stall_limit) {}

void LlamaEngine::wait_until_ready(Milliseconds limit, const CallOptions& options) const {
  const auto start = steady_clock::now();
  // An engine that answers without an end must not hold the look either.
  CallOptions look = options;
  if (!look.deadline || *look.deadline > start + limit) look.deadline = start + limit;
  const auto is_ready = [&] {
    try {
      return client_.ready(look);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::timed_out || steady_clock::now() - start < limit) throw;
      return false;
    }
  };
  while (!is_ready()) {
    check_cancelled(options, name_);
    if (ends_within(k_poll)) {
      const ChildEnd end = *ended();
      const std::string why = how_it_ended();
      if (cannot_run_here(end, child_.output())) throw NoEngine(program_, why);
      throw Error(end.by_signal ? ErrorKind::transient : ErrorKind::unsupported, name_,
                  fmt::format("the engine could not load it ({})", why));
    }
    if (steady_clock::now() - start >= limit) {
      throw Error(ErrorKind::timed_out, name_,
                  fmt::format("the engine was not ready after {} s", limit.count() / 1000));
    }
  }
}

std::string LlamaEngine::how_it_ended() const {
  const auto end = ended();
  return end ? describe_end(*end, child_.output()) : "still there";
}

std::string LlamaEngine::last_words() const {
  const auto end = ended();
  // Marked, so that no line of them looks like one of ours.
  std::string lines;
  for (const char letter : printable_lines(last_lines(child_.output(), 10))) {
    if (lines.empty()) lines = "  | ";
    lines += letter;
    if (letter == '\n') lines += "  | ";
  }
  return fmt::format("{}; its last words:\n{}", end ? to_string(*end) : "still there", lines);
}

}  // namespace modelfloat::runner
