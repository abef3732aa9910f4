#pragma once
// The client of one llama-server.

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

// Throws Error{invalid} when requests must not be forwarded to the path of `call`.
void check_forwarded(const EngineCall& call);

// All methods may be called from many threads.
class LlamaClient {
 public:
  LlamaClient(std::filesystem::path socket, std::string key, Milliseconds stall_limit)
      : socket_(std::move(socket)), key_(std::move(key)), stall_limit_(stall_limit) {}

  // The engine is not trusted. Its text in errors is shortened and has no control characters.

  // Whether the engine has loaded its model; false also while it does not listen yet.
  bool ready(const CallOptions&) const;
  // Generates text for a prompt. The request limits the bytes and events of the answer. Errors:
  // internal (a malformed answer), invalid (the engine refused the request; the message is its
  // own), transient (the engine is gone), timed_out (neither text nor progress in reading the
  // prompt within the stall limit).
  Generated complete(const CompletionRequest&, const TokenSink& on_text, const CallOptions&) const;
  // Forwards a request to the engine, and its answer to the sink. Errors: invalid
  // (check_forwarded), internal (the answer is neither JSON nor events, its status is neither
  // success nor a 4xx or 5xx error, or it does not end), transient (the engine is gone),
  // timed_out (no byte within the stall limit).
  void forward(const EngineCall&, const EngineAnswerSink&, const CallOptions&) const;

 private:
  HttpRequest post(std::string target, std::string body) const;

  std::filesystem::path socket_;
  std::string key_;
  Milliseconds stall_limit_;
};

}  // namespace modelfloat::runner
