// The commands run, serve and token.

#include <cmath>

#include "modelfloat/cli/command_line.h"
#include "modelfloat/server/http/host_list.h"

namespace modelfloat::cli {

static server::Scope scope_of(const std::string& text) {
  const auto scope = server::scope_from(text);
  if (!scope) throw CLI::ValidationError(text + ": a scope is read, write, infer or admin");
  return *scope;
}

// Needed as CLI::Range accepts NaN: it is neither too small nor too large.
static CLI::Validator is_not_nan() {
  const auto check = [](const std::string& text) -> std::string {
    double number = 0;
    return CLI::detail::lexical_cast(text, number) && std::isnan(number) ? text + " is no number" : "";
  };
  return {check, ""};
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
      ->check(is_not_nan())
      ->capture_default_str();
  run_command
      .add_option("--top-p", line.run.top_p, "Choose among the likeliest tokens that together are this likely, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->check(is_not_nan());
  run_command
      .add_option("--seed", line.run.seed, "The same seed gives the same answer to the same prompt")
      // llama-server takes 0xffffffff as "choose any seed".
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{0xfffffffe}));
  run_command.add_option("--stop", line.run.stop, "A text to end at, which is not shown; may be given several times")
      ->allow_extra_args(false);
  on(run_command, line, [&line] {
    line.run.model = model_of(line.name);
    for (const auto& stop : line.run.stop) {
      if (stop.empty()) throw CLI::ValidationError("--stop: an empty text stops nothing");
    }
    return [&line](Session& session) { return run(session, line.run); };
  });

  auto& serve_command = add_command(
      app, "serve",
      "Serve the pool over HTTP until it is stopped, and maintain it: [maintenance] in config.toml says how. Every "
      "request needs a token.",
      "modelfloat serve --listen 127.0.0.1:8080");
  serve_command.add_option("--listen", line.listen,
                           "ADDRESS:PORT; 127.0.0.1:8080, or listen in config.toml, by default");
  serve_command
      .add_option("--host", line.serve.hosts,
                  "A name by which clients may call the server, with any port, beside localhost and its addresses: the "
                  "name that a proxy passes on; may be given several times")
      ->allow_extra_args(false);
  on(serve_command, line, [&line] {
    if (!line.listen.empty()) line.serve.listen = parsed([&] { return parse_listen_address(line.listen); });
    for (auto& host : line.serve.hosts) host = parsed([&] { return server::parse_host_name(host); });
    return [&line](Session& session) { return serve(session, line.serve); };
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

}  // namespace modelfloat::cli
