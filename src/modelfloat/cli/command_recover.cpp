#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/engine/settings.h"
#include "modelfloat/engine/setup.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

// The recovery code stays on its paper: from now on a key file of this home opens the pool.
void make_home_key(Session& session, const mf1::SlotSecret& code) {
  const fs::path file = session.home().key_file();
  if (!fs::exists(file)) make_key_file(file, session.random());
  engine::add_slot(session.open_pool(code), read_key_file(file), session.call());
}

}  // namespace

ExitCode recover(Session& session, const RecoverArguments& arguments) {
  if (engine::Settings(session.registry()).pool()) {
    throw Error(ErrorKind::invalid, session.home().state_folder.string(),
                "there is a pool here already: recover into an empty home (MODELFLOAT_HOME)");
  }
  const bool by_code = !arguments.recovery_code_file.empty();
  const auto secret = by_code ? read_recovery_code_file(arguments.recovery_code_file) : session.find_secret();
  std::vector<engine::RecoverSource> sources;
  for (const auto& text : arguments.stores) {
    const auto url = store::canonical_url(text);
    sources.push_back({url, session.make_store(url)});
  }
  session.progress().show("reading the log of the pool");
  const auto result = engine::recover(
      session.environment(), secret, std::move(sources),
      [&](const std::string& url) { return session.make_store(url); }, session.call());
  if (by_code) make_home_key(session, secret);
  if (!session.options().key_file.empty()) session.remember_key_file(session.options().key_file);
  session.progress().clear();

  if (session.options().json) {
    print_json({{"models", result.models},
                {"stores", result.stores},
                {"bytes_read", result.bytes_read},
                {"seconds", result.seconds}});
    return ExitCode::ok;
  }
  write_stdout(fmt::format("{} models on {} stores are back: {} read in {}\n", result.models, result.stores,
                           human_bytes(result.bytes_read), human_seconds(result.seconds)));
  if (by_code) session.tell("this home now opens the pool by its own key file, " + session.home().key_file().string());
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
