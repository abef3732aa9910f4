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
  // find_llama_server(); without one complete() says how to get it.
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
  // A model unused for so long is dropped from memory.
  Milliseconds idle_limit = std::chrono::minutes(10);
  // An engine that makes no progress for so long is killed.
  Milliseconds stall_limit = std::chrono::seconds(120);
};

// How long an engine that crashed `failures` times in a row is left alone: a second, doubled each
// time, a minute at the most.
Milliseconds restart_delay(unsigned failures);

// Time for idle limits and restarts comes from the clock; that for waiting on children is real.
class LlamaRunner final : public Runner {
 public:
  // Clock and random outlive it.
  LlamaRunner(LlamaRunnerOptions, Clock&, Random&);
  // Ends all children. No call may be under way.
  ~LlamaRunner() override;

  Completion complete(ModelSource&, const CompletionRequest&, const TokenSink& on_text,
                      const LoadProgressSink& on_progress, const CallOptions&) override;
  void forward(ModelSource&, const EngineCall&, const EngineAnswerSink& sink, const LoadProgressSink& on_progress,
               const CallOptions&) override;
  std::vector<RunningModel> running() const override;
  bool unload(std::string_view identity) override;

  // Drops the models whose idle limit has passed. A thread of the runner does so every second.
  void unload_idle();
  // The child that serves a model, for tests and listings of processes.
  std::optional<int> process_id(std::string_view identity) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelfloat::runner
