#pragma once
// A whole pool for tests: stores in memory that outlive the machines using them, and machines with
// a registry each.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/process.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/memory_files.h"
#include "support/skipping_clock.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"

#include "modelfloat/base/executor.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/model_health.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/engine/pull/pull.h"
#include "modelfloat/engine/push/push.h"
#include "modelfloat/engine/upkeep/setup.h"

namespace modelfloat::test {

using Files = std::map<std::string, Bytes>;

inline constexpr PolicySet k_survive_two{4, 2, 2};
inline constexpr PolicySet k_copies{1, 1, 1};
// What another machine has done is known here.
inline constexpr engine::Need k_all_news{.log = engine::LogReading::all, .catalogue = true};

// A small file, in the manifest.
Files one_file(std::uint64_t seed);

// The stores of the world, "memory:0" to "memory:n-1". Each is a domain of its own.
class World {
 public:
  explicit World(std::size_t stores);
  std::size_t size() const { return inner_.size(); }
  store::Store& inner(std::size_t index) { return *inner_[index]; }  // without faults
  FaultyStore& faults(std::size_t index) { return *faulty_[index]; }
  CallCounter& counter() { return counter_; }
  // What a handle is wrapped in, when set.
  std::function<std::unique_ptr<store::Store>(std::unique_ptr<store::Store>, std::size_t index)> wrap;
  // A handle as a program would hold it: calls go through the faults.
  std::unique_ptr<store::Store> open(const std::string& url);
  static std::string url(std::size_t index) { return "memory:" + std::to_string(index); }
  // Every object of a store by path.
  std::map<std::string, Bytes> objects(std::size_t index);
  std::uint64_t stored_bytes();

 private:
  CallCounter counter_;
  std::vector<std::unique_ptr<store::Store>> inner_;
  std::vector<std::unique_ptr<FaultyStore>> faulty_;
};

// How the work of a machine runs: on real threads, or all on the calling thread.
enum class Threads { many, one };

// For stores that hang: what they are given in production would make a test last.
transfer::Timeouts short_timeouts();

// A process in a home of its own: a registry, keys, and the pool as a program that starts now sees
// it.
class Machine {
 public:
  explicit Machine(World& world, Threads threads = Threads::many, std::uint64_t seed = 1);
  // Store calls run on `io`, by `clock`; the rest on the calling thread. Both outlive it. The
  // registry is in memory, and the process may be killed.
  Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed);
  // One more process of that kind, in the home of another, which may be dead.
  Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed, const Machine& same_home);

  // Makes the pool and adds all stores of the world.
  void create(PolicySet policy);
  // Adds a store of the world, under the name and in the domain that create() gives it.
  void add_store(std::size_t index);
  engine::RecoverResult recover(const mf1::SlotSecret& secret, const std::vector<std::size_t>& stores,
                                const std::function<void(const mf1::Keyring&)>& on_pool = {});
  // How long the next pool that is opened waits for stores.
  transfer::Timeouts timeouts = short_timeouts();
  // As if the program started anew: markers are read again.
  engine::Pool& reopen();
  engine::Pool& pool() { return *pool_; }
  // As if another program ran in the same home.
  std::unique_ptr<engine::Pool> pool_of_another_process();
  // The same by another handle of the registry.
  std::unique_ptr<engine::Pool> pool_with(registry::Registry& registry);
  std::filesystem::path registry_file() const { return folder_ / "registry.db"; }
  const engine::Environment& environment() const { return environment_; }
  const std::string& recovery_code() const { return recovery_code_; }
  mf1::SlotSecret recovery_secret() const;
  Process& process() { return *process_; }
  // Of a machine that has its own.
  SkippingClock& clock() { return own_clock_.value(); }

  engine::PushResult push(const std::string& name, const Files& files,
                          std::optional<Redundancy> redundancy = std::nullopt);
  Files pull(const std::string& name, transfer::FindingSink finding = {});
  // As listings tell it.
  engine::ModelHealth health(const std::string& model = "ns/model");

 private:
  Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed, std::shared_ptr<MemoryDatabase> database,
          const crypto::SecretKey& key);
  registry::Registry& open_registry();
  std::unique_ptr<store::Store> open(const std::string& url);
  transfer::StoreOpener opener();

  World& world_;
  TemporaryFolder folder_;
  // Of one whose registry is in memory. All processes of its home have the same database.
  std::shared_ptr<MemoryDatabase> database_;
  std::optional<MemoryDatabaseUser> database_user_;
  const std::shared_ptr<Process> process_ = std::make_shared<Process>();
  std::optional<SkippingClock> own_clock_;
  FixedRandom random_;
  std::unique_ptr<Executor> cpu_;
  std::unique_ptr<Executor> own_io_;
  std::unique_ptr<registry::Registry> registry_;
  engine::Environment environment_;
  std::string recovery_code_;
  crypto::SecretKey key_;
  std::unique_ptr<engine::Pool> pool_;
};

// The id under which the machine writes now.
WriterId writer_of(Machine& machine);

}  // namespace modelfloat::test
