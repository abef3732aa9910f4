#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/key_path.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/cli/store_settings.h"
#include "modelfloat/cli/terminal.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

// Keeps the settings of the stores on the command line in memory, while there is no pool that could
// keep them.
class GivenStores {
 public:
  GivenStores(Session& session, const std::vector<RecoverStore>& stores) : session_(session) {
    for (const auto& store : stores) {
      const auto url = store::canonical_url(store.url);
      urls_.push_back(url);
      Given& given = given_.try_emplace(url, session_).first->second;
      // The name of the store is in the log, which cannot be read yet. So the environment variables
      // have the number of the store instead of its name.
      given.settings = settings_from(store::scheme_of(url), store.options,
                                     variable_prefix(std::to_string(urls_.size())), process_variable, &dialogue_);
      given.bandwidth = store.bandwidth;
      complete(url, given);
    }
  }

  const std::vector<std::string>& urls() const noexcept { return urls_; }

  // Also opens stores of the pool that were not given. Their names are known by then.
  std::unique_ptr<store::Store> open(const std::string& url) {
    const auto [found, is_new] = given_.try_emplace(url, session_);
    Given& given = found->second;
    if (is_new)
      given.settings =
          settings_from(store::scheme_of(url), {}, variable_prefix(name_of(url)), process_variable, nullptr);
    return open_with_scratch_session(session_, url, given.settings, given.scratch);
  }

  // Saves the settings and sessions of the stores in this home, sealed.
  void keep(const mf1::Keyring& keys) {
    const engine::StoreSecrets secrets(keys, session_.random());
    for (const auto& row : session_.registry().stores()) {
      const auto found = given_.find(row.url);
      if (found == given_.end()) continue;
      keep_settings(session_.registry(), secrets, row.id, found->second.settings, found->second.scratch.vault,
                    found->second.bandwidth);
    }
  }

 private:
  struct Given {
    explicit Given(Session& session) : scratch(session.new_scratch_session()) {}
    store::StoreSettings settings;
    std::string bandwidth;
    ScratchSession& scratch;
  };
  std::string name_of(const std::string& url) const {
    for (const auto& row : session_.registry().stores()) {
      if (row.url == url) return row.name;
    }
    return {};
  }

  // Logs in if the given credentials alone are not enough (for example, a token must still be
  // granted).
  void complete(const std::string& url, Given& given) {
    if (given.settings.credentials.empty()) return;
    try {
      open(url)->get(ObjectName::marker(), {},
                     transfer::within(session_.call(), session_.clock(), transfer::Timeouts().marker));
    } catch (const Error& error) {
      if (error.kind != ErrorKind::denied) return;  // the recovery reports it
      store::prepare_new_store(url, given.settings, {session_.clock(), session_.random(), given.scratch.vault},
                               dialogue_, session_.call());
    }
  }

  Session& session_;
  TerminalDialogue dialogue_{session_.stop()};
  std::vector<std::string> urls_;
  std::map<std::string, Given> given_;  // by URL
};

// Changes domains and capacities in the pool to those given on the command line.
void change_stores(Session& session, const std::vector<RecoverStore>& given) {
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
