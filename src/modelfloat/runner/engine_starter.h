#pragma once
// Starts engines. It chooses their confinement, asks llama-server once for its options, and makes
// the folders of each engine.

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

// May be used by many threads. Must outlive the engines that it has started: they are killed when
// its thread ends.
class EngineStarter {
 public:
  // `options` and `random` must outlive it. options.llama_server must be set before any other
  // method is called.
  EngineStarter(const LlamaRunnerOptions& options, Random& random);

  // How engines are kept from files; chosen at the first call. Throws what
  // choose_file_confinement() throws.
  FileConfinement choose_confinement();
  // Starts `llama-server --help` on the starter's thread, unless it has run or is running. To be
  // called after choose_confinement().
  void ask_options() { known_options(); }
  // Starts an engine for a model that is in memory, and waits until it is ready. Errors: those of
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
