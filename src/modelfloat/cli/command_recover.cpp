#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/given_stores.h"
#include "modelfloat/cli/key_path.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

// Changes domains and capacities in the pool to those given on the command line.
void change_stores(Session& session, const std::vector<GivenStore>& given) {
  for (const auto& store : given) {
    if (store.domain.empty() && store.capacity_bytes == 0) continue;
    for (auto row : session.registry().stores()) {
      if (row.url != store::canonical_url(store.url)) continue;
      const auto before = row;
      if (!store.domain.empty()) row.domain = store.domain;
      if (store.capacity_bytes != 0) row.capacity_bytes = store.capacity_bytes;
      if (row == before) continue;
      try {
        engine::change_store(session.pool(), row, session.call());
      } catch (const Error& error) {
        // Few stores may be enough for reading and too few for writing. The recovery itself
        // succeeded, so this is only a warning.
        if (error.kind != ErrorKind::offline) throw;
        session.warn(fmt::format("{} stays as the pool has it: {}", row.name, error.what()));
      }
    }
  }
}

// Returns the key of this home. An existing key file is used: it may be left from an interrupted
// recover.
mf1::SlotSecret home_key(Session& session) {
  const fs::path file = session.home().key_file();
  if (!fs::exists(file)) make_key_file(file, session.random());
  return read_key_file(file);
}

// Stores how this home opens the pool from now on: one secret was given.
void remember_secret(Session& session) {
  if (const auto& key_file = session.options().key_file; !key_file.empty()) {
    remember_key_file(session.home(), key_file);
  } else {
    forget_key_file(session.home());  // of a pool that was here before
  }
}

}  // namespace

ExitCode recover(Session& session, const RecoverArguments& arguments) {
  session.require_writable_home();
  if (engine::Settings(session.registry()).pool()) {
    throw Error(ErrorKind::invalid, session.home().state_folder.string(),
                "there is a pool here already: recover into an empty home (MODELFLOAT_HOME)");
  }
  const bool by_code = !arguments.recovery_code_file.empty();
  const auto secret = by_code ? read_recovery_code_file(arguments.recovery_code_file) : session.find_secret();
  GivenStores given(session, arguments.stores);
  std::vector<engine::RecoverSource> sources;
  for (const auto& url : given.urls()) sources.push_back({url, given.open(url)});
  // The recovery code is not stored. A key file of this home opens the pool from now on.
  const auto own_secret = by_code ? std::optional(home_key(session)) : std::nullopt;
  engine::RecoverOptions options;
  options.own_secret = own_secret ? &*own_secret : nullptr;
  options.on_pool = [&](const mf1::Keyring& keys) {
    given.keep(keys);
    remember_secret(session);
  };
  session.progress().show("reading the log of the pool");
  const auto result = engine::recover(
      session.environment(), secret, std::move(sources), [&](const std::string& url) { return given.open(url); },
      options, session.call());
  change_stores(session, arguments.stores);
  session.progress().clear();
  const ExitCode code = result.log_is_fresh ? ExitCode::ok : ExitCode::degraded;

  if (session.options().json) {
    print_json({{"models", result.models},
                {"stores", result.stores},
                {"bytes_read", result.bytes_read},
                {"seconds", result.seconds}});
    return code;
  }
  write_stdout(fmt::format("back: models {}, stores {}; {} read in {}\n", result.models, result.stores,
                           human_bytes(result.bytes_read), human_seconds(result.seconds)));
  if (by_code) session.tell("this home now opens the pool by its own key file, " + session.home().key_file().string());
  return code;
}

}  // namespace modelfloat::cli
