#pragma once
// Runs models with llama-server: one child process for each model, which reads it from sealed
// memory.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/runner/runner.h"
#include "modelfloat/runner/sandbox.h"

namespace modelfloat::runner {

struct LlamaRunnerOptions {
  // As found by find_llama_server(). Without it, complete() throws NoEngine, whose message says
  // how to get it.
  std::optional<std::filesystem::path> llama_server;
  // Where the private folder is made; empty: PrivateFolder's default.
  std::filesystem::path socket_parent;
  std::uint64_t ram_budget_bytes = 0;  // for all models; 0: default_ram_budget()
  unsigned threads = 0;                // of each engine; 0: one for each processor
  // Tokens of a prompt and its answer; a smaller limit of the model wins.
  std::uint64_t context = 4096;
  // Requests that one engine works on at a time; the others wait here.
  unsigned parallel = 1;
  SandboxOptions sandbox;
  // A model that is not used for this long is removed from memory.
  Milliseconds idle_limit = std::chrono::minutes(10);
  // An engine that makes no progress for this long is killed.
  Milliseconds stall_limit = std::chrono::seconds(120);
};

// How long to wait before an engine that crashed `failures` times in a row is started again: a
// second, doubled for each crash, at most a minute.
Milliseconds restart_delay(unsigned failures);

// Idle limits and restarts use the given clock. Waiting for child processes uses real time.
class LlamaRunner final : public Runner {
 public:
  // `clock` and `random` must outlive it.
  LlamaRunner(LlamaRunnerOptions, Clock&, Random&);
  // Kills all children. No call may be running.
  ~LlamaRunner() override;

  Completion complete(ModelSource&, const CompletionRequest&, const TokenSink& on_text,
                      const LoadProgressSink& on_progress, const CallOptions&) override;
  void forward(ModelSource&, const EngineCall&, const EngineAnswerSink& sink, const LoadProgressSink& on_progress,
               const CallOptions&) override;
  std::vector<RunningModel> running() const override;
  bool unload(std::string_view identity) override;

  // Removes the models whose idle limit has passed. A background thread of the runner calls it
  // every second.
  void unload_idle();
  // The process id of the model's engine; nullopt when it has none. For tests and listings of
  // processes.
  std::optional<int> process_id(std::string_view identity) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelfloat::runner
