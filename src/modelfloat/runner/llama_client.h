#pragma once
// Speaks to one llama-server.

#include <filesystem>
#include <string>

#include "modelfloat/runner/runner.h"
#include "modelfloat/runner/unix_http.h"

namespace modelfloat::runner {

struct Generated {
  std::string text;
  std::uint64_t tokens = 0;
  double tokens_per_second = 0;
};

// Throws Error{invalid} for a path that is not one of those that requests may be passed on to.
void check_forwarded(const EngineCall& call);

// Shared by all threads.
class LlamaClient {
 public:
  LlamaClient(std::filesystem::path socket, std::string key, Milliseconds stall_limit)
      : socket_(std::move(socket)), key_(std::move(key)), stall_limit_(stall_limit) {}

  // The engine is not trusted. What it says in errors comes without control characters, and cut.

  // False while it does not listen yet, or still loads its model.
  bool ready(const CallOptions&) const;
  // The answer is bounded in bytes and events by what was asked for. Errors: internal (it is not as
  // it has to be), invalid (it refused the request: its own words), transient (it is gone),
  // timed_out (neither text nor progress in reading the prompt for the stall limit).
  Generated complete(const CompletionRequest&, const TokenSink& on_text, const CallOptions&) const;
  // Passes a request on, and its answer back. Errors: invalid (check_forwarded), internal (its
  // answer is neither JSON nor events, has a status that is neither success nor an error of the
  // request or the engine, or does not end), transient (it is gone), timed_out (no byte for the
  // stall limit).
  void forward(const EngineCall&, const EngineAnswerSink&, const CallOptions&) const;

 private:
  HttpRequest post(std::string target, std::string body) const;

  std::filesystem::path socket_;
  std::string key_;
  Milliseconds stall_limit_;
};

}  // namespace modelfloat::runner
