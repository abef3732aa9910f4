#include "modelfloat/runner/llama_runner.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/runner/engine_starter.h"
#include "modelfloat/runner/model_check.h"
#include "modelfloat/runner/resident_models.h"
#include "modelfloat/runner/swap.h"

namespace modelfloat::runner {
namespace {

// How often a wait looks whether it is still wanted, and reports progress.
constexpr Milliseconds k_look_up{50};

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
        starter_(options_, random),
        models_(options_.ram_budget_bytes),
        keeper_(start_thread([this](const std::stop_token& stop) { keep_house(stop); })) {}

  Completion complete(ModelSource& source, const CompletionRequest& request, const TokenSink& on_text,
                      const LoadProgressSink& on_progress, const CallOptions& options);
  void forward(ModelSource& source, const EngineCall& call, const EngineAnswerSink& sink,
               const LoadProgressSink& on_progress, const CallOptions& options);
  std::vector<RunningModel> running() const;
  bool unload(std::string_view identity);
  void unload_idle();
  std::optional<int> process_id(std::string_view identity) const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  void ask_engine(ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options,
                  const std::function<void(const LlamaEngine&)>& ask);
  Lease acquire(ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options);
  void wait_for_load(const ModelPtr& model, Lock& lock, const LoadProgressSink& on_progress,
                     const CallOptions& options);
  void load(const ModelPtr& model, Lock& lock, ModelSource& source, const LoadProgressSink& on_progress,
            const CallOptions& options);
  void fetch(Model& model, ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options);
  void load_failed(const ModelPtr& model, Lock& lock, const Error& error, const CallOptions& options);

  void make_room(Model& model, const MemoryNeed& need);

  void release(Model& model);
  void engine_lost(Model& model, const std::shared_ptr<LlamaEngine>& engine);
  Error explain(Model& model, const std::shared_ptr<LlamaEngine>& engine, const Error& error,
                const CallOptions& options);
  void schedule_restart(Model& model);

  void warn_about_swap();
  void keep_house(const std::stop_token& stop);

  const LlamaRunnerOptions options_;
  Clock& clock_;
  EngineStarter starter_;  // outlives the engines in models_
  std::once_flag swap_checked_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ResidentModels models_;

  std::jthread keeper_;
};

Completion LlamaRunner::Impl::complete(ModelSource& source, const CompletionRequest& request, const TokenSink& on_text,
                                       const LoadProgressSink& on_progress, const CallOptions& options) {
  const SteadyTime started = clock_.steady_now();
  if (request.max_tokens == 0) throw Error(ErrorKind::invalid, "max_tokens", "must be at least 1");
  Completion completion;
  bool first = true;
  const auto on_piece = [&](std::string_view text) {
    if (std::exchange(first, false)) completion.seconds_to_first_token = seconds_between(started, clock_.steady_now());
    if (on_text) on_text(text);
  };
  ask_engine(source, on_progress, options, [&](const LlamaEngine& engine) {
    Generated generated = engine.complete(request, on_piece, options);
    completion.text = std::move(generated.text);
    completion.tokens = generated.tokens;
    completion.tokens_per_second = generated.tokens_per_second;
  });
  return completion;
}

void LlamaRunner::Impl::forward(ModelSource& source, const EngineCall& call, const EngineAnswerSink& sink,
                                const LoadProgressSink& on_progress, const CallOptions& options) {
  check_forwarded(call);  // before anything is fetched for it
  ask_engine(source, on_progress, options, [&](const LlamaEngine& engine) { engine.forward(call, sink, options); });
}

// Calls `ask` with the engine of the model, which stays meanwhile, and explains what it throws.
void LlamaRunner::Impl::ask_engine(ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options,
                                   const std::function<void(const LlamaEngine&)>& ask) {
  const auto [model, engine] = acquire(source, on_progress, options);
  try {
    ask(*engine);
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
}

// Returns with a request counted, so that the model stays.
Lease LlamaRunner::Impl::acquire(ModelSource& source, const LoadProgressSink& on_progress, const CallOptions& options) {
  if (!options_.llama_server) {
    throw NoEngine("llama-server", "not found: run tools/setup/llama-server, or name one in MODELFLOAT_LLAMA_SERVER");
  }
  starter_.choose_confinement();  // before anything is fetched that cannot be run
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
    auto engine = starter_.start(*model, options);
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
  starter_.ask_options();  // runs llama-server --help while the model comes
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
void LlamaRunner::forward(ModelSource& source, const EngineCall& call, const EngineAnswerSink& sink,
                          const LoadProgressSink& on_progress, const CallOptions& options) {
  impl_->forward(source, call, sink, on_progress, options);
}
std::vector<RunningModel> LlamaRunner::running() const { return impl_->running(); }
bool LlamaRunner::unload(std::string_view identity) { return impl_->unload(identity); }
void LlamaRunner::unload_idle() { impl_->unload_idle(); }
std::optional<int> LlamaRunner::process_id(std::string_view identity) const { return impl_->process_id(identity); }

}  // namespace modelfloat::runner
