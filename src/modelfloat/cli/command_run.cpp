#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/inference/pool_model_source.h"
#include "modelfloat/runner/llama_binary.h"
#include "modelfloat/runner/llama_runner.h"

namespace modelfloat::cli {

ExitCode run(Session& session, const RunArguments& arguments) {
  inference::PoolModelSource source(session.pool(), session.open_manifest(arguments.model));
  const std::string name = source.name();
  runner::LlamaRunnerOptions options;
  options.llama_server = runner::find_llama_server();
  options.ram_budget_bytes = session.config().ram_budget_bytes;
  options.sandbox.weak = session.config().weak_sandbox;
  runner::LlamaRunner runner(options, session.clock(), session.random());

  runner::CompletionRequest request;
  request.prompt = arguments.prompt;
  request.max_tokens = arguments.max_tokens;
  request.temperature = arguments.temperature;
  request.top_p = arguments.top_p;
  request.seed = arguments.seed;
  request.stop = arguments.stop;

  // Measured from the start of the command, not from the call of the runner.
  std::optional<double> first_token;
  StreamedText output;
  const auto on_text = [&](std::string_view text) {
    if (!first_token) {
      first_token = seconds_between(session.started(), session.clock().steady_now());
      session.progress().clear();
    }
    if (!session.options().json) output.write(text);
  };
  const auto on_progress = [&](const runner::LoadProgress& progress) {
    if (progress.step == runner::LoadProgress::Step::fetching) {
      session.progress().show("fetching " + name, progress.bytes_done, progress.bytes_total);
    } else {
      session.progress().show("starting " + name);
    }
  };
  const auto completion = runner.complete(source, request, on_text, on_progress, session.call());
  session.progress().clear();

  const double seconds = first_token.value_or(seconds_between(session.started(), session.clock().steady_now()));
  if (session.options().json) {
    print_json({{"text", completion.text},
                {"tokens", completion.tokens},
                {"seconds_to_first_token", seconds},
                {"tokens_per_second", completion.tokens_per_second},
                {"bytes_fetched", source.bytes_fetched()}});
    return ExitCode::ok;
  }
  output.end();
  write_stdout("\n");
  session.tell(fmt::format("{} to the first token, {:.1f} tokens/s, {} fetched", human_seconds(seconds),
                           completion.tokens_per_second, human_bytes(source.bytes_fetched())));
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
