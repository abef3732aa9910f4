#include "modelfloat/cli/session.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/base/printable.h"
#include "modelfloat/cli/key_path.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/registry/sqlite/registry_copy.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::cli {

namespace fs = std::filesystem;

// How many store calls may wait at once.
static constexpr std::size_t k_io_threads = 16;

Session::Session(GlobalOptions options, std::stop_token stop, SteadyTime started)
    : options_(std::move(options)),
      stop_(std::move(stop)),
      started_(started),
      home_(Home::locate(process_variable)),
      progress_(progress_style(options_.quiet), clock_) {}

const Config& Session::config() {
  if (!config_) config_ = home_.config();
  return *config_;
}

registry::Registry& Session::registry() {
  if (!registry_) {
    home_.make_state_folder();
    const fs::path file = home_.registry_file();
    if (registry::is_read_only(file)) {
      warn(home_.state_folder.string() + " can only be read: what this run learns is not remembered");
      registry_ = registry::open_registry_copy(file);
    } else {
      registry_ = registry::open_sqlite_registry(file);
    }
  }
  return *registry_;
}

bool Session::home_is_read_only() const { return registry::is_read_only(home_.registry_file()); }

void Session::require_writable_home() {
  if (!home_is_read_only()) return;
  throw Error(ErrorKind::denied, home_.state_folder.string(),
              "this home can only be read by this user, so nothing can be changed with it: run this as its owner, or "
              "where it can be written");
}

void Session::start_executors() {
  if (cpu_) return;
  auto cpu = std::make_unique<ThreadPool>(std::max(1U, std::thread::hardware_concurrency()));
  io_ = std::make_unique<ThreadPool>(k_io_threads);
  cpu_ = std::move(cpu);  // so that either both exist or none
}

engine::Environment Session::environment_without_home() {
  start_executors();
  temporary_registry_ = registry::open_temporary_registry();
  return {clock_, random_, *cpu_, *io_, *temporary_registry_};
}

engine::Environment Session::environment() {
  start_executors();
  registry::Registry& opened = registry();
  return {clock_, random_, *cpu_, *io_, opened, home_.registry_identity()};
}

void Session::require_pool() {
  // Does not create a registry: the path of the home may be mistyped.
  if ((registry_ || fs::exists(home_.registry_file())) && engine::Settings(registry()).pool()) return;
  throw Error(
      ErrorKind::not_found, home_.state_folder.string(),
      "there is no pool here yet: make one with 'modelfloat init', or bring one back with 'modelfloat recover'");
}

engine::Pool& Session::pool() {
  if (pool_) return *pool_;
  require_pool();
  return open_pool(find_secret());
}

engine::Pool& Session::open_pool(const mf1::SlotSecret& secret) {
  const auto environment = this->environment();
  auto keys = engine::open_keys(registry(), secret);
  pool_.reset();
  // One opener for the whole run, as calls of an earlier pool may still be running.
  if (!opener_) opener_ = std::make_unique<StoreOpener>(registry(), keys, clock_, random_, bandwidth());
  pool_ = std::make_unique<engine::Pool>(environment, std::move(keys),
                                         [this](const registry::StoreRow& row) { return opener_->open(row); });
  return *pool_;
}

BandwidthSettings Session::bandwidth() {
  const auto& config = this->config();
  const auto& all = options_.bandwidth.empty() ? config.bandwidth : options_.bandwidth;
  return {all.empty() ? store::Bandwidth() : store::parse_bandwidth(all, "bwlimit"), config.store_bandwidth};
}

StoreOpener& Session::opener() {
  pool();
  return *opener_;
}

std::optional<fs::path> Session::known_key_file() {
  if (auto file = remembered_key_file(home_)) return file;
  if (config().key_file) return config().key_file;
  if (fs::exists(home_.key_file())) return home_.key_file();
  return std::nullopt;
}

mf1::SlotSecret Session::find_secret() {
  if (!options_.key_file.empty()) return read_key_file(options_.key_file);
  if (!options_.passphrase_file.empty()) return read_passphrase_file(options_.passphrase_file);
  if (const auto file = known_key_file()) return read_key_file(*file);
  if (const auto file = process_variable("MODELFLOAT_PASSPHRASE_FILE")) return read_passphrase_file(*file);
  return ask_passphrase(stop_);
}

void Session::require_a_store() {
  const auto stores = pool().stores().all();
  if (stores.empty() || pool().stores().wait_for_domains(1, call())) return;
  std::string reasons;
  for (const auto* store : stores) reasons += fmt::format("\n  {}: {}", store->name, store->state->why_not_online());
  throw Error(ErrorKind::offline, "this pool", "none of its stores can be reached" + reasons);
}

void Session::sync_log(engine::LogReading reading) {
  if (options_.cached) return;
  require_a_store();
  if (pool().stores().all().empty()) return;
  progress_.show("reading the log");
  const auto sync = engine::catch_up(pool(), {.log = reading}, call());
  progress_.clear();
  if (sync.stores_read == 0) throw Error(ErrorKind::offline, "this pool", "no store lets its log be read");
  if (!sync.fresh) warn("too few stores answer to be sure of the newest state: this may be stale");
  engine::catch_up(pool(), {.catalogue = true}, call());
}

engine::OpenManifest Session::open_manifest(const ModelRef& ref) {
  if (!options_.cached) require_a_store();
  auto manifest = engine::open_manifest(pool(), ref, options_.cached, call());
  if (manifest.maybe_stale && !options_.cached) {
    warn("too few stores answer to be sure that this is the newest revision: it may be stale");
  }
  return manifest;
}

void Session::tell(const std::string& text) {
  if (options_.quiet) return;
  progress_.clear();
  std::fputs((printable_lines(text) + "\n").c_str(), stderr);
}

void Session::warn(const std::string& text) {
  progress_.clear();
  std::fputs(("warning: " + printable_lines(text) + "\n").c_str(), stderr);
}

}  // namespace modelfloat::cli
