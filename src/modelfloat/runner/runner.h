#pragma once
// Answers prompts with models that lie in no file.

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
  // 0 to 1: only the likeliest tokens that together are this likely.
  std::optional<double> top_p;
  std::vector<std::string> stop;      // texts at which to end; they are not part of the answer
  std::optional<std::uint32_t> seed;  // the same seed, prompt and temperature give the same answer
};

struct Completion {
  std::string text;
  std::uint64_t tokens = 0;
  // From the call of complete(), so with all that had to be fetched and started.
  double seconds_to_first_token = 0;
  double tokens_per_second = 0;  // of the generation alone
};

// A request to the engine's own HTTP API, to be passed on as it is.
struct EngineCall {
  std::string path;  // "/v1/chat/completions", "/v1/completions" or "/v1/embeddings"
  std::string body;  // JSON. Which fields may stand in it is for the caller to check
  // How long the engine may be silent; nullopt: the runner's own limit. An answer that is not
  // streamed comes all at once when it is complete, so it may need more.
  std::optional<Milliseconds> stall_limit = std::nullopt;
};

struct EngineAnswerHead {
  unsigned status = 0;       // 200, or an error of the engine from 400 to 599
  std::string content_type;  // "application/json" or "text/event-stream"
};

// How far a model is on its way into memory.
struct LoadProgress {
  enum class Step { fetching, starting } step = Step::fetching;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
};

// Text as it is generated, in whole characters. What it throws ends the generation and comes out of
// complete().
using TokenSink = std::function<void(std::string_view text)>;
// The next bytes of an answer, as the engine sent them. Called at least once: with no bytes when
// the answer has none. What it throws ends the request and comes out of forward().
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
  // What the RAM budget counts for it: the model and what its engine needs beside it.
  std::uint64_t memory_bytes = 0;
  std::uint64_t requests = 0;  // being answered now
  UtcTime last_used;
};

std::string_view to_string(RunningModel::State) noexcept;

// There is no program on this machine that runs models: whatever the model is, another machine may
// run it.
struct NoEngine : Error {
  NoEngine(std::string program, std::string_view message)
      : Error(ErrorKind::unsupported, std::move(program), message) {}
};

// Shared by all threads.
class Runner {
 public:
  virtual ~Runner() = default;
  // Brings the model into memory and its engine up, where that is still to be done, and streams the
  // answer. Calls for the same model share one load. `on_text` and `on_progress` are called on the
  // calling thread while this call lasts; both may be empty. Errors: NoEngine, unsupported (the
  // file cannot be run), out_of_space (it does not fit into the RAM budget; with retry_after when
  // it would without the models that are busy now), invalid (the request), transient (the engine
  // crashed, or is not yet to be started again: retry_after), timed_out (the engine stalled), and
  // what the source throws.
  virtual Completion complete(ModelSource&, const CompletionRequest&, const TokenSink& on_text,
                              const LoadProgressSink& on_progress, const CallOptions&) = 0;
  // Brings the model up as complete() does, passes the request on to its engine and streams the raw
  // answer. An error that the engine answers with is an answer, too. `sink` and `on_progress` are
  // called on the calling thread while this call lasts; `on_progress` may be empty. Errors: those
  // of complete(), where invalid is a path that is not allowed; internal (an answer that no engine
  // should give). After an error, what the sink has got is an answer that broke off.
  virtual void forward(ModelSource&, const EngineCall&, const EngineAnswerSink& sink,
                       const LoadProgressSink& on_progress, const CallOptions&) = 0;
  virtual std::vector<RunningModel> running() const = 0;
  // Frees the memory of a model. False when it is not there, or busy.
  virtual bool unload(std::string_view identity) = 0;
};

}  // namespace modelfloat::runner
