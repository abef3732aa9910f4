#include "modelfloat/runner/llama_runner.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/executor.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/private_folder.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/runner/model_check.h"
#include "modelfloat/runner/resident_models.h"
#include "modelfloat/runner/swap.h"

namespace modelfloat::runner {
namespace {

void make_private_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0) throw system_error(errno, folder.string(), "cannot make a folder");
}

constexpr Milliseconds k_look_up{50};  // how often a wait looks whether it is still wanted, and reports progress

// A model that stays while its request is answered, and the engine that does it.
struct Lease {
  ModelPtr model;
  std::shared_ptr<LlamaEngine> engine;
};

LoadProgress progress_of(const Model& model) {
  const bool fetched = model.fetched;
  return {fetched ? LoadProgress::Step::starting : LoadProgress::Step::fetching,
          fetched ? model.size_bytes : model.bytes_done.load(), model.size_bytes};
}

// Loading reads all of it at the speed of memory, or of a slow disk where it was swapped out.
Milliseconds load_limit(Milliseconds stall_limit, std::uint64_t bytes) {
  return stall_limit + Milliseconds(static_cast<std::int64_t>(bytes / 50'000));
}

// That one caller gave up is no reason for the others that wait for the same model.
bool only_for_its_caller(const Error& error, const CallOptions& loader) {
  return error.kind == ErrorKind::cancelled || (error.kind == ErrorKind::timed_out && loader.deadline.has_value());
}

LlamaRunnerOptions completed(LlamaRunnerOptions options) {
  if (options.ram_budget_bytes == 0) options.ram_budget_bytes = default_ram_budget();
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  options.context = std::max<std::uint64_t>(options.context, 16);
  options.parallel = std::max(options.parallel, 1U);
  return options;
}

}  // namespace

Milliseconds restart_delay(unsigned failures) {
  if (failures == 0) return Milliseconds(0);
  return std::min<Milliseconds>(std::chrono::minutes(1), std::chrono::seconds(1) * (1 << std::min(failures - 1, 6U)));
}

class LlamaRunner::Impl {
 public:
  Impl(LlamaRunnerOptions options, Clock& clock, Random& random)
      : options_(completed(std::move(options))),
        clock_(clock),
        random_(random),
        folder_(options_.socket_parent),
        models_(options_.ram_budget_bytes),
        keeper_(start_thread([this](const std::stop_token& stop) { keep_house(stop); })) {}

  Completion complete(ModelSource& source, const CompletionRequest& request, const TokenSink& on_text,
                      const LoadProgressSink& on_progress, const CallOptions& options);
  std::vector<RunningModel> running() const;
  bool unload(std::string_view identity);
  void unload_idle();
  std::optional<int> process_id(std::string_view identity) const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  Lease acquire(ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options);
  void wait_for_load(const ModelPtr& model, Lock& lock, const LoadProgressSink& on_progress,
                     const CallOptions& options);
  void load(const ModelPtr& model, Lock& lock, ModelSource& source, const LoadProgressSink& on_progress,
            const CallOptions& options);
  void fetch(Model& model, ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options);
  std::shared_ptr<LlamaEngine> start_engine(const Model& model, const CallOptions& options);
  void load_failed(const ModelPtr& model, Lock& lock, const Error& error, const CallOptions& options);

  void make_room(Model& model, const MemoryNeed& need);

  void release(Model& model);
  void engine_lost(Model& model, const std::shared_ptr<LlamaEngine>& engine);
  Error explain(Model& model, const std::shared_ptr<LlamaEngine>& engine, const Error& error,
                const CallOptions& options);
  void schedule_restart(Model& model);

  FileConfinement file_confinement();
  std::filesystem::path make_engine_folder();
  SandboxSpec sandbox_spec(const std::filesystem::path& folder) const;
  std::shared_future<LlamaOptions> known_options();
  void warn_about_swap();
  void keep_house(const std::stop_token& stop);

  const LlamaRunnerOptions options_;
  Clock& clock_;
  Random& random_;
  PrivateFolder folder_;
  ThreadPool starter_{1};  // children die with the thread that started them, so this one starts them all
  std::once_flag swap_checked_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ResidentModels models_;
  std::shared_future<LlamaOptions> known_options_;
  std::optional<FileConfinement> confinement_;  // chosen before the first model is fetched
  std::atomic<std::uint64_t> engines_ = 0;

  std::jthread keeper_;
};

Completion LlamaRunner::Impl::complete(ModelSource& source, const CompletionRequest& request, const TokenSink& on_text,
                                       const LoadProgressSink& on_progress, const CallOptions& options) {
  const SteadyTime started = clock_.steady_now();
  if (request.max_tokens == 0) throw Error(ErrorKind::invalid, "max_tokens", "must be at least 1");
  const auto [model, engine] = acquire(source, on_progress, options);

  Completion completion;
  bool first = true;
  const auto on_piece = [&](std::string_view text) {
    if (std::exchange(first, false)) completion.seconds_to_first_token = seconds_between(started, clock_.steady_now());
    if (on_text) on_text(text);
  };
  try {
    Generated generated = engine->complete(request, on_piece, options);
    completion.text = std::move(generated.text);
    completion.tokens = generated.tokens;
    completion.tokens_per_second = generated.tokens_per_second;
  } catch (const Error& error) {
    Error explained = explain(*model, engine, error, options);
    release(*model);
    throw Error(std::move(explained));
  } catch (...) {
    release(*model);
    throw;
  }
  {
    const Lock lock(mutex_);
    model->failures = 0;
  }
  release(*model);
  return completion;
}

// Returns with a request counted, so that the model stays.
Lease LlamaRunner::Impl::acquire(ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options) {
  if (!options_.llama_server) {
    throw NoEngine("llama-server", "not found: run tools/setup/llama-server, or name one in MODELFLOAT_LLAMA_SERVER");
  }
  file_confinement();  // before anything is fetched that cannot be run
  std::call_once(swap_checked_, [this] { warn_about_swap(); });
  Lock lock(mutex_);
  for (;;) {
    check_cancelled(options, source.name());
    const ModelPtr model = models_.entry_for(source);
    if (model->phase == Phase::ready && model->engine->ended()) engine_lost(*model, model->engine);
    if (model->phase == Phase::loading) {
      wait_for_load(model, lock, on_progress, options);
    } else if (model->phase == Phase::ready) {
      if (model->requests < options_.parallel) {
        ++model->requests;
        return {model, model->engine};
      }
      changed_.wait_for(lock, k_look_up);
    } else {
      load(model, lock, source, on_progress, options);
    }
  }
}

void LlamaRunner::Impl::wait_for_load(const ModelPtr& model, Lock& lock, const LoadProgressSink& on_progress,
                                      const CallOptions& options) {
  while (model->phase == Phase::loading) {
    lock.unlock();
    check_cancelled(options, model->name);
    if (on_progress) on_progress(progress_of(*model));
    lock.lock();
    if (model->phase == Phase::loading) changed_.wait_for(lock, k_look_up);
  }
  if (model->phase != Phase::failed) return;
  if (model->no_engine) throw NoEngine(*model->no_engine);
  if (model->failure) throw Error(*model->failure);
}

void LlamaRunner::Impl::load(const ModelPtr& model, Lock& lock, ModelSource& source,
                             const LoadProgressSink& on_progress, const CallOptions& options) {
  const SteadyTime started = clock_.steady_now();
  if (started < model->not_before) {
    throw Error(ErrorKind::transient, model->name, "its engine crashed and is not to be started again yet",
                std::chrono::ceil<Milliseconds>(model->not_before - started));
  }
  model->phase = Phase::loading;
  lock.unlock();
  try {
    const bool fetched_before = model->memory != nullptr;
    if (!fetched_before) fetch(*model, source, on_progress, options);
    if (on_progress) on_progress(progress_of(*model));
    auto engine = start_engine(*model, options);
    lock.lock();
    model->engine = std::move(engine);
    model->phase = Phase::ready;
    model->last_used = clock_.steady_now();
    model->last_used_utc = clock_.utc_now();
    if (!fetched_before) model->load_seconds = seconds_between(started, model->last_used);
  } catch (const Error& error) {
    load_failed(model, lock, error, options);
    throw;
  } catch (...) {  // what the receiver of the progress throws
    load_failed(model, lock, Error(ErrorKind::cancelled, model->name, "its caller gave up"), options);
    throw;
  }
  changed_.notify_all();
}

void LlamaRunner::Impl::load_failed(const ModelPtr& model, Lock& lock, const Error& error, const CallOptions& options) {
  if (!lock.owns_lock()) lock.lock();
  if (error.kind == ErrorKind::transient && model->fetched) {
    schedule_restart(*model);  // its engine crashed; its bytes are sound
  } else {
    model->phase = Phase::failed;
    model->memory.reset();
    if (const auto* no_engine = dynamic_cast<const NoEngine*>(&error)) {
      model->no_engine = *no_engine;
    } else if (!only_for_its_caller(error, options)) {
      model->failure = error;
    }
    models_.forget(*model);
  }
  changed_.notify_all();
}

void LlamaRunner::Impl::fetch(Model& model, ModelSource& source, const LoadProgressSink& on_progress,
                              const CallOptions& options) {
  known_options();  // runs llama-server --help while the model comes
  make_room(model, estimate_need(model.size_bytes));
  auto memory = std::make_unique<SealedMemory>(model.name, model.size_bytes);
  const auto report = [&](std::uint64_t bytes_so_far) {
    model.bytes_done = bytes_so_far;
    if (on_progress) on_progress(progress_of(model));
  };
  source.fill(memory->fd(), report, options);
  memory->seal();
  const formats::FileLayout layout = check_runnable(*memory, model.name);
  model.context = context_within(layout, options_.context);
  make_room(model, estimate_need(layout, model.size_bytes, model.context, options_.parallel));
  const Lock lock(mutex_);
  model.memory = std::move(memory);
  model.fetched = true;
}

std::shared_ptr<LlamaEngine> LlamaRunner::Impl::start_engine(const Model& model, const CallOptions& options) {
  EngineSpec spec;
  spec.folder = make_engine_folder();
  spec.sandbox = sandbox_spec(spec.folder);
  spec.sandbox.socket_folder = spec.folder / "socket";
  spec.sandbox.memory_bytes = engine_memory_limit(model.memory_bytes, options_.threads);
  spec.sandbox.threads = 4 * options_.threads + 128;
  spec.confinement = file_confinement();
  spec.sandbox_options = options_.sandbox;
  spec.key = to_hex(random_.array<24>());
  spec.model_fd = model.memory->fd();
  spec.stall_limit = options_.stall_limit;
  spec.launch.alias = model.name;
  spec.launch.threads = options_.threads;
  spec.launch.context = model.context;
  spec.launch.parallel = options_.parallel;
  spec.launch.repack = model.repack;
  spec.launch.socket = spec.sandbox.socket_folder / "engine.sock";
  const LlamaOptions known = known_options().get();
  auto engine = starter_.async([&] { return std::make_shared<LlamaEngine>(spec, known); }).get();
  try {
    engine->wait_until_ready(load_limit(options_.stall_limit, model.size_bytes), options);
  } catch (const Error& error) {
    if (engine->ended()) {
      log_warning(fmt::format("{}: the engine ended while it loaded: {}", model.name, engine->last_words()));
    }
    throw;
  }
  return engine;
}

void LlamaRunner::Impl::make_room(Model& model, const MemoryNeed& need) {
  std::vector<ModelPtr> evicted;  // destroyed without the lock
  const Lock lock(mutex_);
  evicted = models_.make_room(model, need, clock_.steady_now());
}

void LlamaRunner::Impl::release(Model& model) {
  const Lock lock(mutex_);
  --model.requests;
  model.last_used = clock_.steady_now();
  model.last_used_utc = clock_.utc_now();
  changed_.notify_all();
}

// What a failed request says about its engine.
Error LlamaRunner::Impl::explain(Model& model, const std::shared_ptr<LlamaEngine>& engine, const Error& error,
                                 const CallOptions& options) {
  const bool stalled = error.kind == ErrorKind::timed_out &&
                       !(options.deadline && std::chrono::steady_clock::now() >= *options.deadline);
  // A connection breaks a moment before its process is gone.
  const bool gone = error.kind == ErrorKind::transient && engine->ends_within(std::chrono::seconds(1));
  if (!stalled && !gone) return {error.kind, model.name, error.what(), error.retry_after};
  if (stalled) engine->kill();
  const Lock lock(mutex_);
  engine_lost(model, engine);
  if (stalled)
    return {error.kind, model.name, "the engine made no progress for too long and was ended", restart_delay(1)};
  return {error.kind, model.name, "the engine crashed: " + engine->how_it_ended(), restart_delay(model.failures)};
}

// Only the first of those that notice it counts.
void LlamaRunner::Impl::engine_lost(Model& model, const std::shared_ptr<LlamaEngine>& engine) {
  if (model.engine != engine) return;
  log_warning(fmt::format("{}: the engine is gone: {}", model.name, engine->last_words()));
  model.engine.reset();
  schedule_restart(model);
  changed_.notify_all();
}

void LlamaRunner::Impl::schedule_restart(Model& model) {
  model.phase = Phase::stopped;
  model.last_used = clock_.steady_now();
  model.not_before = model.last_used + restart_delay(++model.failures);
}

std::vector<RunningModel> LlamaRunner::Impl::running() const {
  const Lock lock(mutex_);
  return models_.running();
}

bool LlamaRunner::Impl::unload(std::string_view identity) {
  ModelPtr gone;  // destroyed without the lock
  const Lock lock(mutex_);
  gone = models_.extract(identity);
  return gone != nullptr;
}

void LlamaRunner::Impl::unload_idle() {
  std::vector<ModelPtr> gone;  // destroyed without the lock
  const Lock lock(mutex_);
  for (const auto& [identity, model] : models_.all()) {
    if (model->phase == Phase::ready && model->engine->ended()) engine_lost(*model, model->engine);
  }
  gone = models_.take_idle(options_.idle_limit, clock_.steady_now());
}

std::optional<int> LlamaRunner::Impl::process_id(std::string_view identity) const {
  const Lock lock(mutex_);
  const ModelPtr model = models_.find(identity);
  if (!model || !model->engine) return std::nullopt;
  return model->engine->process_id();
}

FileConfinement LlamaRunner::Impl::file_confinement() {
  const Lock lock(mutex_);
  if (!confinement_) {
    confinement_ = choose_file_confinement(options_.sandbox);
    if (*confinement_ == FileConfinement::none) {
      log_warning("weak_sandbox is set: a model that takes over its engine can read and change your files");
    }
  }
  return *confinement_;
}

// Each engine has folders of its own: one could make the socket of another where they shared one.
std::filesystem::path LlamaRunner::Impl::make_engine_folder() {
  auto folder = folder_.path() / std::to_string(++engines_);
  for (const auto& part : {folder, folder / "root", folder / "socket"}) make_private_folder(part);
  return folder;
}

SandboxSpec LlamaRunner::Impl::sandbox_spec(const std::filesystem::path& folder) const {
  SandboxSpec spec;
  spec.program = *options_.llama_server;
  spec.root_folder = folder / "root";
  return spec;
}

// Asks llama-server once what it understands; again after a failure.
std::shared_future<LlamaOptions> LlamaRunner::Impl::known_options() {
  const Lock lock(mutex_);
  const auto failed = [&] {
    if (known_options_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
    try {
      known_options_.get();
      return false;
    } catch (const std::exception&) {
      return true;
    }
  };
  if (!known_options_.valid() || failed()) {
    known_options_ = starter_.async([this, folder = make_engine_folder(), confinement = confinement_.value()] {
      const OwnedFolder owned(folder);
      const SandboxSpec spec = sandbox_spec(folder);
      CallOptions options;
      options.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      return probe_llama_server(spec, confinement, options_.sandbox, options);
    });
  }
  return known_options_;
}

void LlamaRunner::Impl::warn_about_swap() {
  for (const auto& swap : unencrypted_swaps()) {
    log_warning(
        fmt::format("{}: swapping may write parts of a running model to this disk, which is not encrypted", swap));
  }
}

void LlamaRunner::Impl::keep_house(const std::stop_token& stop) {
  std::mutex alone;
  std::condition_variable_any wake;
  std::unique_lock lock(alone);
  // Real time: a clock that jumps must not make this spin.
  while (!wake.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; }) && !stop.stop_requested()) {
    unload_idle();
  }
}

std::string_view to_string(RunningModel::State state) noexcept {
  switch (state) {
    case RunningModel::State::loading: return "loading";
    case RunningModel::State::ready: return "ready";
    case RunningModel::State::stopped: return "stopped";
  }
  return "";
}

LlamaRunner::LlamaRunner(LlamaRunnerOptions options, Clock& clock, Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), clock, random)) {}

LlamaRunner::~LlamaRunner() = default;

Completion LlamaRunner::complete(ModelSource& source, const CompletionRequest& request, const TokenSink& on_text,
                                 const LoadProgressSink& on_progress, const CallOptions& options) {
  return impl_->complete(source, request, on_text, on_progress, options);
}
std::vector<RunningModel> LlamaRunner::running() const { return impl_->running(); }
bool LlamaRunner::unload(std::string_view identity) { return impl_->unload(identity); }
void LlamaRunner::unload_idle() { impl_->unload_idle(); }
std::optional<int> LlamaRunner::process_id(std::string_view identity) const { return impl_->process_id(identity); }

}  // namespace modelfloat::runner
