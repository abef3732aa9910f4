#pragma once
// What one run of the program uses. Everything is opened on first use, so that a command pays only
// for what it needs.

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/executor.h"
#include "modelfloat/base/random.h"
#include "modelfloat/cli/home.h"
#include "modelfloat/cli/progress.h"
#include "modelfloat/cli/store_opener.h"
#include "modelfloat/domain/model_ref.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/engine/pull/pull.h"
#include "modelfloat/mf1/slot.h"
#include "modelfloat/store/memory/memory_vault.h"

namespace modelfloat::cli {

// The options that every command has.
struct GlobalOptions {
  bool json = false;
  bool quiet = false;
  bool cached = false;          // use the registry only: do not read the log from the stores first
  int verbose = 0;              // 1: main steps; 2: everything
  std::string key_file;         // empty: as the home says
  std::string passphrase_file;  // empty: as the environment says
  std::string bandwidth;        // --bwlimit; empty: as config.toml says
};

// Keeps the login session and measurements of a store in memory, while the store is not in the
// pool.
struct ScratchSession {
  store::MemoryVault vault;
  store::MemoryLedger ledger;
};

// Used by the main thread only.
class Session {
 public:
  // `started` is when the command began. Throws Error{invalid} when no home can be located.
  Session(GlobalOptions options, std::stop_token stop, SteadyTime started);

  const GlobalOptions& options() const noexcept { return options_; }
  const Home& home() const noexcept { return home_; }
  // Reads config.toml on first use. Throws as Home::config() does.
  const Config& config();
  SteadyTime started() const noexcept { return started_; }
  std::stop_token stop() const noexcept { return stop_; }
  CallOptions call() const { return {stop_, std::nullopt}; }
  Clock& clock() noexcept { return clock_; }
  Random& random() noexcept { return random_; }
  ProgressLine& progress() noexcept { return progress_; }

  // Opens the registry, and creates it if there is none. If it is read-only, warns once and uses a
  // temporary copy, whose changes are lost.
  registry::Registry& registry();
  bool home_is_read_only() const;
  // Commands that change something call this first. Throws Error{denied} when the home is
  // read-only.
  void require_writable_home();
  engine::Environment environment();
  // The same with a new, empty registry in memory, or where temporary files go, which is gone with
  // this object. Does not touch the home. Call it once.
  engine::Environment environment_without_home();
  // Throws Error{not_found} when this home has no pool.
  void require_pool();
  // Opens the pool on first use. Throws Error{not_found} when this home has no pool, and
  // Error{denied} when the secret does not open it.
  engine::Pool& pool();
  // Closes the pool and opens it again with `secret`. Needed after its stores or slots have
  // changed.
  engine::Pool& open_pool(const mf1::SlotSecret& secret);

  // What --bwlimit and config.toml say. Throws as config() does.
  BandwidthSettings bandwidth();

  // Returns what opens the pool's stores. Throws as pool() does.
  StoreOpener& opener();
  // Creates a scratch session. It lives as long as this object, and so longer than any store call
  // that uses it.
  ScratchSession& new_scratch_session() { return scratch_sessions_.emplace_back(); }

  // Returns the secret from the options, the remembered or configured key file, or the environment;
  // asks on the terminal when none of them has it. Throws as the functions of secrets.h do.
  mf1::SlotSecret find_secret();

  // Reads the log and updates the catalogue; does nothing with --cached. Warns when too few stores
  // answered to be sure of the newest state. Throws Error{offline} when no store could be read.
  void sync_log(engine::LogReading reading = engine::LogReading::quorum);
  // Throws Error{offline} when the pool has stores and none of them is online.
  void require_a_store();

  // Finds a model; warns when the answer may be stale. Throws as engine::open_manifest() does.
  engine::OpenManifest open_manifest(const ModelRef& ref);

  // Prints a line for people on standard error; nothing with --quiet.
  void tell(const std::string& text);
  // Prints a warning on standard error, also with --quiet.
  void warn(const std::string& text);

 private:
  std::optional<std::filesystem::path> known_key_file();
  void start_executors();

  const GlobalOptions options_;
  const std::stop_token stop_;
  const SteadyTime started_;
  const Home home_;
  std::optional<Config> config_;
  SystemClock clock_;
  SystemRandom random_;
  ProgressLine progress_;
  std::unique_ptr<registry::Registry> registry_;
  std::unique_ptr<registry::Registry> temporary_registry_;
  // Declared before everything that may still call a store, so that it is destroyed after that.
  std::unique_ptr<StoreOpener> opener_;
  std::deque<ScratchSession> scratch_sessions_;
  std::unique_ptr<ThreadPool> cpu_;
  std::unique_ptr<ThreadPool> io_;
  std::unique_ptr<engine::Pool> pool_;
};

}  // namespace modelfloat::cli
