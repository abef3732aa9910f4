#include "engine/test_pool.h"

#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"
#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::test {

World::World(std::size_t stores) {
  for (std::size_t i = 0; i < stores; ++i) {
    inner_.push_back(store::make_memory_store());
    faulty_.push_back(std::make_unique<FaultyStore>(*inner_.back(), &counter_));
  }
}

std::unique_ptr<store::Store> World::open(const std::string& url) {
  const std::size_t index = std::stoul(url.substr(url.find(':') + 1));
  auto handle = std::make_unique<FaultyStore>(static_cast<store::Store&>(*faulty_.at(index)));
  return wrap ? wrap(std::move(handle), index) : std::move(handle);
}

std::map<std::string, Bytes> World::objects(std::size_t index) {
  std::vector<ObjectName> names;
  inner_[index]->list("mf1/", [&](const store::ObjectInfo& info) { names.push_back(info.name); }, {});
  std::map<std::string, Bytes> found;
  for (const ObjectName& name : names) found[name.path()] = inner_[index]->get(name, {}, {}).value();
  return found;
}

std::uint64_t World::stored_bytes() {
  std::uint64_t sum = 0;
  for (const auto& store : inner_) {
    store->list("mf1/", [&](const store::ObjectInfo& info) { sum += info.size_bytes; }, {});
  }
  return sum;
}

transfer::Timeouts short_timeouts() {
  transfer::Timeouts timeouts;
  timeouts.marker = Milliseconds{300};
  timeouts.straggler = Milliseconds{200};
  return timeouts;
}

static std::unique_ptr<Executor> make_executor(Threads threads, std::size_t width) {
  if (threads == Threads::one) return std::make_unique<InlineExecutor>();
  return std::make_unique<ThreadPool>(width);
}

// A registry that is new costs as much as many a step of a simulation.
static std::shared_ptr<MemoryDatabase> new_registry() {
  static const MemoryDatabase empty = [] {
    const TemporaryFolder folder;
    registry::open_sqlite_registry(folder / "registry.db");
    return MemoryDatabase(folder / "registry.db");
  }();
  return empty.copy();
}

Machine::Machine(World& world, Threads threads, std::uint64_t seed)
    : world_(world),
      own_clock_(std::in_place),
      random_(seed),
      cpu_(make_executor(threads, 2)),
      own_io_(make_executor(threads, 6)),
      registry_(registry::open_sqlite_registry(registry_file())),
      environment_{*own_clock_, random_, *cpu_, *own_io_, *registry_},
      key_(crypto::SecretKey::random(random_)) {}

static crypto::SecretKey one_key(std::uint64_t seed) {
  FixedRandom random(~seed);
  return crypto::SecretKey::random(random);
}

Machine::Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed)
    : Machine(world, clock, io, seed, new_registry(), one_key(seed)) {}

Machine::Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed, const Machine& same_home)
    : Machine(world, clock, io, seed, same_home.database_, same_home.key_) {
  recovery_code_ = same_home.recovery_code_;
}

Machine::Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed, std::shared_ptr<MemoryDatabase> database,
                 const crypto::SecretKey& key)
    : timeouts(),
      world_(world),
      database_(std::move(database)),
      process_(std::make_shared<Process>([this] { database_user_->die(); })),
      random_(seed),
      cpu_(make_executor(Threads::one, 1)),
      environment_{clock, random_, *cpu_, io, open_registry()},
      key_(key) {}

registry::Registry& Machine::open_registry() {
  database_user_.emplace(*database_, registry_file(), [process = process_] { process->dies_at_a_commit(); });
  registry_ = registry::open_sqlite_registry(registry_file());
  return *registry_;
}

void Machine::create(PolicySet policy) {
  recovery_code_ = engine::create_pool(environment_, mf1::SlotSecret::key_file(key_), policy).recovery_code;
  for (std::size_t i = 0; i < world_.size(); ++i) add_store(i);
}

void Machine::add_store(std::size_t index) {
  const auto store = open(World::url(index));
  const std::string number = std::to_string(index);
  engine::add_store(reopen(), "s" + number, World::url(index), "domain" + number, 0, *store, {});
  reopen();
}

mf1::SlotSecret Machine::recovery_secret() const {
  return mf1::SlotSecret::recovery_code(mf1::RecoveryCode::parse(recovery_code_));
}

engine::RecoverResult Machine::recover(const mf1::SlotSecret& secret, const std::vector<std::size_t>& stores,
                                       const std::function<void(const mf1::Keyring&)>& on_pool) {
  std::vector<engine::RecoverSource> sources;
  for (const std::size_t index : stores) sources.push_back({World::url(index), open(World::url(index))});
  const engine::StoreMaker maker = [this](const std::string& url) { return open(url); };
  const auto own_secret = mf1::SlotSecret::key_file(key_);
  auto result = engine::recover(environment_, secret, std::move(sources), maker, {&own_secret, on_pool, timeouts}, {});
  reopen();
  return result;
}

std::unique_ptr<store::Store> Machine::open(const std::string& url) { return make_mortal(world_.open(url), process_); }

transfer::StoreOpener Machine::opener() {
  return [this](const registry::StoreRow& row) { return open(row.url); };
}

std::unique_ptr<engine::Pool> Machine::pool_of_another_process() { return pool_with(*registry_); }

std::unique_ptr<engine::Pool> Machine::pool_with(registry::Registry& registry) {
  auto keys = engine::open_keys(registry, mf1::SlotSecret::key_file(key_));
  const engine::Environment environment{environment_.clock, environment_.random, environment_.cpu, environment_.io,
                                        registry};
  return std::make_unique<engine::Pool>(environment, std::move(keys), opener(), timeouts);
}

engine::Pool& Machine::reopen() {
  pool_.reset();
  pool_ = pool_of_another_process();
  return *pool_;
}

engine::PushResult Machine::push(const std::string& name, const Files& files, std::optional<Redundancy> redundancy) {
  const auto ref = ModelRef::parse(name);
  engine::PushOptions options;
  options.model = ref.model;
  options.tag = ref.tag;
  options.redundancy = redundancy;
  engine::PushSession session(*pool_, options, {});
  for (const auto& [path, bytes] : files) {
    MemorySource source(bytes);
    session.add_file(path, source);
  }
  return session.commit();
}

Files Machine::pull(const std::string& name, transfer::FindingSink finding) {
  const auto manifest = engine::open_manifest(*pool_, ModelRef::parse(name), false, {});
  Files files;
  std::vector<Bytes*> places;
  for (const auto& file : manifest.root.files) {
    files[file.path] = Bytes(file.size_bytes, std::byte{0xEE});
    places.push_back(&files[file.path]);
  }
  engine::read_files(
      *pool_, manifest, [](const FileEntry&) { return true; },
      [&](std::size_t file, std::uint64_t offset, ByteSpan bytes) {
        std::copy(bytes.begin(), bytes.end(), places[file]->begin() + static_cast<std::ptrdiff_t>(offset));
      },
      {{}, std::move(finding)}, {});
  return files;
}

engine::ModelHealth Machine::health(const std::string& model) {
  return engine::health_of_model(pool(), engine::find_model(pool(), model).value(), engine::AskStores::yes, {});
}

Files one_file(std::uint64_t seed) { return {{"m.bin", random_bytes(1000, seed)}}; }

WriterId writer_of(Machine& machine) { return engine::Settings(machine.environment().registry).writer().value(); }

}  // namespace modelfloat::test
