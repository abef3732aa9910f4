#pragma once
// Runs models in memory, without a file on disk, and answers prompts with them.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/runner/model_source.h"

namespace modelfloat::runner {

struct CompletionRequest {
  std::string prompt;
  std::uint64_t max_tokens = 128;  // at least 1; the model's context is a limit too
  double temperature = 0.8;        // 0 always takes the likeliest token
  // 0 to 1: considers only the most likely tokens whose probabilities sum up to this.
  std::optional<double> top_p;
  std::vector<std::string> stop;      // texts at which to end; they are not part of the answer
  std::optional<std::uint32_t> seed;  // the same seed, prompt and temperature give the same answer
};

struct Completion {
  std::string text;
  std::uint64_t tokens = 0;
  // Measured from the call of complete(), so it includes fetching the model and starting its
  // engine.
  double seconds_to_first_token = 0;
  double tokens_per_second = 0;  // of the generation alone
};

// A request to the engine's own HTTP API, to be forwarded unchanged.
struct EngineCall {
  std::string path;  // "/v1/chat/completions", "/v1/completions" or "/v1/embeddings"
  std::string body;  // JSON. Which fields may stand in it is for the caller to check
  // How long the engine may send nothing; nullopt: the runner's default. An answer that is not
  // streamed is sent only when it is complete, so it may need a higher limit.
  std::optional<Milliseconds> stall_limit = std::nullopt;
};

struct EngineAnswerHead {
  unsigned status = 0;       // 200, or an error of the engine from 400 to 599
  std::string content_type;  // "application/json" or "text/event-stream"
};

// How much of a model has been loaded.
struct LoadProgress {
  enum class Step { fetching, starting } step = Step::fetching;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
};

// Receives text as it is generated, in whole characters. When it throws, the generation ends, and
// complete() throws the same exception.
using TokenSink = std::function<void(std::string_view text)>;
// Receives the next bytes of an answer, as the engine sent them. Called at least once, with no
// bytes when the answer has none. When it throws, the request ends, and forward() throws the same
// exception.
using EngineAnswerSink = std::function<void(const EngineAnswerHead& head, std::string_view bytes)>;
using LoadProgressSink = std::function<void(const LoadProgress&)>;

struct RunningModel {
  enum class State {
    loading,
    ready,
    stopped
  };  // stopped: in memory, but its engine has crashed and waits to be started again
  std::string name;
  std::string identity;
  State state = State::loading;
  std::uint64_t model_bytes = 0;
  // Its share of the RAM budget: the model, and what its engine needs besides.
  std::uint64_t memory_bytes = 0;
  std::uint64_t requests = 0;  // being answered now
  UtcTime last_used;
};

std::string_view to_string(RunningModel::State) noexcept;

// This machine has no program that can run models. The model is not the cause, so another machine
// may be able to run it.
struct NoEngine : Error {
  NoEngine(std::string program, std::string_view message)
      : Error(ErrorKind::unsupported, std::move(program), message) {}
};

// All methods may be called from many threads.
class Runner {
 public:
  virtual ~Runner() = default;
  // Loads the model and starts its engine where necessary, and streams the answer. Calls for the
  // same model share one load. `on_text` and `on_progress` are called on the calling thread
  // during this call; both may be empty. Errors:
  // - NoEngine; unsupported: the file cannot be run; invalid: the request;
  // - out_of_space: the model does not fit into the RAM budget; with retry_after when only models
  //   that are busy now are in the way;
  // - transient: the engine crashed, or must not be started again yet (with retry_after);
  // - timed_out: the engine stalled;
  // - what the source throws.
  virtual Completion complete(ModelSource&, const CompletionRequest&, const TokenSink& on_text,
                              const LoadProgressSink& on_progress, const CallOptions&) = 0;
  // Loads the model as complete() does, forwards the request to its engine and streams the raw
  // answer. An error response of the engine is an answer, too. `sink` and `on_progress` are
  // called on the calling thread during this call; `on_progress` may be empty. Errors: those of
  // complete(), where invalid means that the path is not allowed; internal (a malformed answer).
  // When it throws after calls of `sink`, the answer is incomplete.
  virtual void forward(ModelSource&, const EngineCall&, const EngineAnswerSink& sink,
                       const LoadProgressSink& on_progress, const CallOptions&) = 0;
  virtual std::vector<RunningModel> running() const = 0;
  // Removes a model from memory. Returns false when it is busy or not in memory.
  virtual bool unload(std::string_view identity) = 0;
};

}  // namespace modelfloat::runner
