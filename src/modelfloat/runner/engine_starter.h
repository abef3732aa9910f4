#pragma once
// Starts engines: chooses what confines them, asks llama-server once what it understands, and gives
// each its folders.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <optional>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/executor.h"
#include "modelfloat/base/private_folder.h"
#include "modelfloat/base/random.h"
#include "modelfloat/runner/llama_engine.h"
#include "modelfloat/runner/llama_runner.h"
#include "modelfloat/runner/resident_models.h"

namespace modelfloat::runner {

// Shared by all threads. Outlives the engines that it has started: they die with its thread.
class EngineStarter {
 public:
  // `options` has a llama_server whenever one of the others is called. Both outlive it.
  EngineStarter(const LlamaRunnerOptions& options, Random& random);

  // What confines the engines; chosen at the first call. Throws what choose_file_confinement()
  // throws.
  FileConfinement choose_confinement();
  // Begins to run `llama-server --help` on the starter's thread, unless its answer is there or on
  // its way. After choose_confinement().
  void ask_options() { known_options(); }
  // Starts an engine for a model that lies in memory, and waits until it is ready. Errors: those of
  // LlamaEngine::wait_until_ready, and unsupported (the program is no llama-server of a known
  // kind).
  std::shared_ptr<LlamaEngine> start(const Model& model, const CallOptions& options);

 private:
  std::filesystem::path make_engine_folder();
  SandboxSpec sandbox_spec(const std::filesystem::path& folder) const;
  std::shared_future<LlamaOptions> known_options();

  const LlamaRunnerOptions& options_;
  Random& random_;
  PrivateFolder folder_;
  // Children die with the thread that started them, so this one starts them all.
  ThreadPool thread_{1};

  std::mutex mutex_;
  std::shared_future<LlamaOptions> known_options_;  // guarded by mutex_
  std::optional<FileConfinement> confinement_;      // guarded by mutex_
  std::atomic<std::uint64_t> engines_ = 0;
};

}  // namespace modelfloat::runner
