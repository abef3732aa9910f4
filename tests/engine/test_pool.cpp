#include "engine/test_pool.h"

#include "support/forwarding_store.h"

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

void Process::kill_at(std::uint64_t call, Moment moment) {
  calls_left_ = call;
  moment_ = moment;
}

// Counts a call when asked before it.
bool Process::dies_now(Moment moment) {
  if (is_dead_) return true;
  if (calls_left_ == 0 || moment != moment_) return false;
  if (--calls_left_ > 0) return false;
  die();
  return true;
}

void Process::die() {
  is_dead_ = true;
  std::filesystem::create_directory(copy_);
  for (const char* part : {"", "-wal"}) {
    const std::filesystem::path file = registry_.string() + part;
    if (std::filesystem::exists(file)) std::filesystem::copy_file(file, copy_ / file.filename());
  }
}

// The handle of one process on a store.
class MortalStore final : public ForwardingStore {
 public:
  MortalStore(std::unique_ptr<store::Store> inner, std::shared_ptr<Process> process)
      : ForwardingStore(std::move(inner)), process_(std::move(process)) {}
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override {
    alive([&] { ForwardingStore::put(name, bytes, call); });
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& call) override {
    std::optional<Bytes> bytes;
    alive([&] { bytes = ForwardingStore::get(name, range, call); });
    return bytes;
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& call) override {
    std::optional<store::ObjectInfo> info;
    alive([&] { info = ForwardingStore::stat(name, call); });
    return info;
  }
  void remove(const ObjectName& name, const CallOptions& call) override {
    alive([&] { ForwardingStore::remove(name, call); });
  }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    alive([&] { ForwardingStore::list(prefix, sink, call); });
  }
  store::Space space(const CallOptions& call) override {
    store::Space space;
    alive([&] { space = ForwardingStore::space(call); });
    return space;
  }

 private:
  template <typename Work>
  void alive(const Work& work) {
    if (process_->dies_now(Moment::before)) throw Error(ErrorKind::offline, "process", "was killed");
    work();
    if (process_->dies_now(Moment::after)) throw Error(ErrorKind::offline, "process", "was killed");
  }

  const std::shared_ptr<Process> process_;
};

Machine::Machine(World& world, Threads threads, std::uint64_t seed)
    : world_(world),
      own_clock_(std::in_place),
      random_(seed),
      cpu_(make_executor(threads, 2)),
      own_io_(make_executor(threads, 6)),
      registry_(registry::open_sqlite_registry(folder_ / "registry.db")),
      environment_{*own_clock_, random_, *cpu_, *own_io_, *registry_},
      key_(crypto::SecretKey::random(random_)) {
  process_->registry_ = registry_file();
  process_->copy_ = folder_ / "killed";
}

Machine::Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed)
    : timeouts(),
      world_(world),
      random_(seed),
      cpu_(make_executor(Threads::one, 1)),
      registry_(registry::open_sqlite_registry(folder_ / "registry.db")),
      environment_{clock, random_, *cpu_, io, *registry_},
      key_(crypto::SecretKey::random(random_)) {
  process_->registry_ = registry_file();
  process_->copy_ = folder_ / "killed";
}

static std::filesystem::path adopt(const std::filesystem::path& killed, const std::filesystem::path& folder) {
  for (const auto& file : std::filesystem::directory_iterator(killed))
    std::filesystem::copy_file(file.path(), folder / file.path().filename());
  return folder / "registry.db";
}

Machine::Machine(World& world, Clock& clock, Executor& io, std::uint64_t seed, const Machine& killed)
    : timeouts(),
      world_(world),
      random_(seed),
      cpu_(make_executor(Threads::one, 1)),
      registry_(registry::open_sqlite_registry(adopt(killed.process_->copy_, folder_ / ""))),
      environment_{clock, random_, *cpu_, io, *registry_},
      recovery_code_(killed.recovery_code_),
      key_(killed.key_) {
  process_->registry_ = registry_file();
  process_->copy_ = folder_ / "killed";
}

void Machine::create(PolicySet policy) {
  recovery_code_ = engine::create_pool(environment_, mf1::SlotSecret::key_file(key_), policy).recovery_code;
  for (std::size_t i = 0; i < world_.size(); ++i) {
    const auto store = open(World::url(i));
    engine::add_store(reopen(), "s" + std::to_string(i), World::url(i), "domain" + std::to_string(i), 0, *store, {});
  }
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

std::unique_ptr<store::Store> Machine::open(const std::string& url) {
  return std::make_unique<MortalStore>(world_.open(url), process_);
}

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
