#include "modelfloat/runner/llama_client.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/runner/event_stream.h"
#include "modelfloat/runner/unix_http.h"

namespace modelfloat::runner {
namespace {

using nlohmann::json;

constexpr std::size_t k_max_complaint_bytes = 64 << 10;

std::string to_body(const CompletionRequest& request) {
  json body = {{"prompt", request.prompt}, {"n_predict", request.max_tokens}, {"temperature", request.temperature},
               {"stream", true},           {"return_progress", true},         {"stop", request.stop}};
  if (request.top_p) body["top_p"] = *request.top_p;
  if (request.seed) body["seed"] = *request.seed;
  try {
    return body.dump();
  } catch (const json::type_error&) {
    throw Error(ErrorKind::invalid, "prompt", "it, or a text to stop at, is not valid UTF-8");
  }
}

std::string complaint_in(const std::string& answer) {
  const json parsed = json::parse(answer, nullptr, false);
  if (parsed.is_object() && parsed.contains("error") && parsed["error"].is_object()) {
    return parsed["error"].value("message", "no reason given");
  }
  return "no reason given";
}

Error refusal(unsigned status, const std::string& complaint) {
  // 400: the prompt does not fit into the context, or a setting is wrong; 503: still loading.
  const bool our_fault = status >= 400 && status < 500 && status != 401;
  return {our_fault       ? ErrorKind::invalid
          : status == 503 ? ErrorKind::transient
                          : ErrorKind::internal,
          "llama-server", fmt::format("{} (status {})", complaint, status)};
}

// Takes the events of one answer.
class Collector {
 public:
  explicit Collector(const TokenSink& on_text) : on_text_(on_text) {}

  bool ended() const noexcept { return ended_; }
  Generated result() && { return std::move(generated_); }

  void take(std::string_view data) {
    const json event = json::parse(data, nullptr, false);
    if (!event.is_object()) throw Error(ErrorKind::internal, "llama-server", "an event that is no JSON object");
    try {
      take(event);
    } catch (const json::exception& problem) {
      throw Error(ErrorKind::internal, "llama-server", fmt::format("an event of another form: {}", problem.what()));
    }
  }

 private:
  void take(const json& event) {
    if (event.contains("error")) throw refusal(event["error"].value("code", 500U), complaint_in(event.dump()));
    const auto text = event.value("content", std::string());
    if (!text.empty()) {
      generated_.text += text;
      if (on_text_) on_text_(text);
    }
    generated_.tokens = event.value("tokens_predicted", generated_.tokens);
    if (event.contains("timings")) {
      generated_.tokens_per_second = event["timings"].value("predicted_per_second", 0.0);
    }
    ended_ = ended_ || event.value("stop", false);
  }

  const TokenSink& on_text_;
  Generated generated_;
  bool ended_ = false;
};

}  // namespace

bool LlamaClient::ready(const CallOptions& options) const {
  HttpRequest request;
  request.target = "/health";
  try {
    return exchange(socket_, request, [](unsigned, std::string_view) { return true; }, stall_limit_, options) == 200;
  } catch (const Error& error) {
    if (error.kind == ErrorKind::transient) return false;
    throw;
  }
}

Generated LlamaClient::complete(const CompletionRequest& request, const TokenSink& on_text,
                                const CallOptions& options) const {
  HttpRequest http;
  http.method = "POST";
  http.target = "/completion";
  http.headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + key_}};
  http.body = to_body(request);

  EventStream events;
  Collector collector(on_text);
  std::string complaint;
  const auto on_body = [&](unsigned status, std::string_view piece) {
    if (status != 200) {
      complaint += piece.substr(0, k_max_complaint_bytes - std::min(complaint.size(), k_max_complaint_bytes));
      return true;
    }
    bool progress = false;
    events.feed(piece, [&](std::string_view data) {
      collector.take(data);
      progress = true;
    });
    return progress;
  };
  const unsigned status = exchange(socket_, http, on_body, stall_limit_, options);
  if (status != 200) throw refusal(status, complaint_in(complaint));
  if (!collector.ended()) throw Error(ErrorKind::transient, "llama-server", "the answer broke off");
  return std::move(collector).result();
}

}  // namespace modelfloat::runner
