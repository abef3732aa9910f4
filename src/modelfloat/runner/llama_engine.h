#pragma once
// One llama-server child process and its client.

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "modelfloat/base/child_process.h"
#include "modelfloat/runner/llama_binary.h"
#include "modelfloat/runner/llama_client.h"
#include "modelfloat/runner/sandbox.h"

namespace modelfloat::runner {

struct EngineSpec {
  SandboxSpec sandbox;  // with the program
  FileConfinement confinement = FileConfinement::none;
  // Contains the folders of the sandbox. Removed with its content when the engine is destroyed.
  std::filesystem::path folder;
  SandboxOptions sandbox_options;
  LlamaLaunch launch;
  std::string key;  // of the child's API; random
  int model_fd = -1;
  Milliseconds stall_limit{};
};

// Removes a folder in its destructor.
class OwnedFolder {
 public:
  explicit OwnedFolder(std::filesystem::path path) : path_(std::move(path)) {}
  ~OwnedFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  OwnedFolder(const OwnedFolder&) = delete;
  OwnedFolder& operator=(const OwnedFolder&) = delete;

 private:
  std::filesystem::path path_;
};

// All methods may be called from many threads.
class LlamaEngine {
 public:
  // Starts the child. Call it on a long-lived thread (child_process.h).
  LlamaEngine(const EngineSpec&, const LlamaOptions&);

  // Waits until the engine can answer. Errors: unsupported (it cannot run this model), NoEngine
  // (it cannot run on this machine at all), transient (it crashed), timed_out (not ready within
  // `limit`).
  void wait_until_ready(Milliseconds limit, const CallOptions&) const;
  // The errors of LlamaClient::complete.
  Generated complete(const CompletionRequest& request, const TokenSink& on_text, const CallOptions& options) const {
    return client_.complete(request, on_text, options);
  }
  // The errors of LlamaClient::forward.
  void forward(const EngineCall& call, const EngineAnswerSink& sink, const CallOptions& options) const {
    client_.forward(call, sink, options);
  }

  std::optional<ChildEnd> ended() const { return child_.ended(); }
  bool ends_within(Milliseconds duration) const { return child_.ends_within(duration); }
  void kill() { child_.kill(); }
  pid_t process_id() const noexcept { return child_.id(); }
  // "exit code 1: " and the reason, where its output has one.
  std::string how_it_ended() const;
  // How it ended and the last lines that it wrote, without control characters; for the log.
  std::string last_words() const;

 private:
  OwnedFolder folder_;
  std::string name_;
  std::string program_;
  Sandbox sandbox_;
  ChildProcess child_;
  LlamaClient client_;
};

}  // namespace modelfloat::runner
