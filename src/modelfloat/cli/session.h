#pragma once
// What one run of the program works with. Everything is opened when it is first asked for, so that
// a command pays for what it uses.

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
  bool cached = false;          // believe the registry: don't read the log from the stores first
  int verbose = 0;              // 1: what happens; 2: everything
  std::string key_file;         // empty: as the home says
  std::string passphrase_file;  // empty: as the environment says
  std::string bandwidth;        // --bwlimit; empty: as config.toml says
};

// What a store that is not the pool's, or not yet, keeps in memory.
struct ScratchSession {
  store::MemoryVault vault;
  store::MemoryLedger ledger;
};

// Used by one thread, the main one.
class Session {
 public:
  // `started` is when the command began. Throws Error{invalid} when no home can be found.
  Session(GlobalOptions options, std::stop_token stop, SteadyTime started);

  const GlobalOptions& options() const noexcept { return options_; }
  const Home& home() const noexcept { return home_; }
  const Config& config();
  SteadyTime started() const noexcept { return started_; }
  std::stop_token stop() const noexcept { return stop_; }
  CallOptions call() const { return {stop_, std::nullopt}; }
  Clock& clock() noexcept { return clock_; }
  Random& random() noexcept { return random_; }
  ProgressLine& progress() noexcept { return progress_; }

  // Makes the registry where there is none yet. Where it can only be read, warns once, and works
  // with a copy that is forgotten.
  registry::Registry& registry();
  // Error{denied} when nothing can be remembered here: called first by commands that change
  // something.
  void require_writable_home();
  engine::Environment environment();
  // Error{not_found} when this home has no pool.
  void require_pool();
  // The same, and Error{denied} when the secret doesn't open it.
  engine::Pool& pool();
  // Opens the pool anew with `secret`: after its stores or slots have changed.
  engine::Pool& open_pool(const mf1::SlotSecret& secret);

  // How its stores are opened. Error as pool().
  StoreOpener& opener();
  // Lives as long as the session does, and so longer than any call to a store that uses it.
  ScratchSession& new_scratch_session() { return scratch_sessions_.emplace_back(); }

  // The secret that the options, the settings or somebody at the terminal give.
  mf1::SlotSecret find_secret();

  // Brings the pool's view up to date, unless --cached, as one does who only reads or as one does
  // who waits for all. Warns when too few stores answered to be sure. Error{offline} when none did.
  void sync_log(engine::LogReading reading = engine::LogReading::quorum);
  // Error{offline} when the pool has stores and none of them is there.
  void require_a_store();

  // Finds a model, and warns when the answer may be stale.
  engine::OpenManifest open_manifest(const ModelRef& ref);

  // A line for people on standard error, unless --quiet.
  void tell(const std::string& text);
  void warn(const std::string& text);

 private:
  std::optional<std::filesystem::path> known_key_file();
  BandwidthSettings bandwidth();

  const GlobalOptions options_;
  const std::stop_token stop_;
  const SteadyTime started_;
  const Home home_;
  std::optional<Config> config_;
  SystemClock clock_;
  SystemRandom random_;
  ProgressLine progress_;
  std::unique_ptr<registry::Registry> registry_;
  // Before all that may still call a store.
  std::unique_ptr<StoreOpener> opener_;
  std::deque<ScratchSession> scratch_sessions_;
  std::unique_ptr<ThreadPool> cpu_;
  std::unique_ptr<ThreadPool> io_;
  std::unique_ptr<engine::Pool> pool_;
};

}  // namespace modelfloat::cli
