#include "modelfloat/runner/llama_client.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/printable.h"
#include "modelfloat/runner/event_stream.h"
#include "modelfloat/runner/unix_http.h"

namespace modelfloat::runner {
namespace {

using nlohmann::json;

// llama-server's addresses that answer a request for the loaded model and change nothing else.
constexpr std::string_view k_forwarded_paths[] = {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"};

constexpr std::size_t k_max_complaint_bytes = 64 << 10;
constexpr std::size_t k_max_words = 500;  // of a complaint, in an error of ours
constexpr std::size_t k_max_health_bytes = 64 << 10;
constexpr std::size_t k_max_depth = 16;                        // of JSON; its answers have 4
constexpr std::uint64_t k_max_text_bytes = 64ULL << 20;        // of one completion
constexpr std::uint64_t k_max_forwarded_bytes = 256ULL << 20;  // of one answer that is passed on
// Longer ones are rare in any vocabulary.
constexpr std::uint64_t k_max_token_bytes = 1024;
// Those of progress: one for each batch of the prompt.
constexpr std::uint64_t k_events_beside_tokens = 1ULL << 12;

// Whether nesting is deeper than any answer's. It costs memory far beyond the text's size.
bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > k_max_depth) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// A discarded value when it is no JSON of ours.
json parse_answer(std::string_view text) {
  return too_deep(text) ? json(json::value_t::discarded) : json::parse(text, nullptr, false);
}

// A conversion of whatever number stands there would be undefined for some.
std::uint64_t count_in(const json& object, const char* name, std::uint64_t otherwise) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : otherwise;
}

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

constexpr auto k_no_reason = "no reason given";

std::string complaint_of(const json& error) {
  if (!error.is_object()) return k_no_reason;
  const auto message = error.find("message");
  if (message == error.end() || !message->is_string()) return k_no_reason;
  return printable(std::string_view(message->get_ref<const std::string&>()).substr(0, k_max_words));
}

std::string complaint_in(const std::string& answer) {
  const json parsed = parse_answer(answer);
  if (parsed.is_object() && parsed.contains("error")) return complaint_of(parsed["error"]);
  return k_no_reason;
}

Error refusal(unsigned status, const std::string& complaint) {
  // 400: the prompt does not fit into the context, or a setting is wrong; 503: still loading.
  const bool our_fault = status >= 400 && status < 500 && status != 401;
  return {our_fault       ? ErrorKind::invalid
          : status == 503 ? ErrorKind::transient
                          : ErrorKind::internal,
          "llama-server", fmt::format("{} (status {})", complaint, status)};
}

// The parts of an answer's head that may be passed on. The engine is not trusted: a browser must
// never get a page from it, nor a redirection.
EngineAnswerHead checked(const HttpAnswerHead& head) {
  constexpr unsigned k_ok = 200;
  constexpr unsigned k_first_error = 400;
  constexpr unsigned k_wrong_key = 401;
  constexpr unsigned k_last_error = 599;
  const auto unexpected = [](std::string_view what) {
    return Error(ErrorKind::internal, "llama-server", fmt::format("it answered with {}", what));
  };
  const bool known = head.status == k_ok || (head.status >= k_first_error && head.status <= k_last_error);
  if (!known || head.status == k_wrong_key) throw unexpected(fmt::format("the status {}", head.status));
  const auto type = trimmed(std::string_view(head.content_type).substr(0, head.content_type.find(';')));
  for (const std::string_view passed : {"application/json", "text/event-stream"}) {
    if (equal_ignoring_case(type, passed)) return {head.status, std::string(passed)};
  }
  throw unexpected("something that is neither JSON nor events");
}

// Takes the events of one answer.
class Collector {
 public:
  Collector(const CompletionRequest& request, const TokenSink& on_text)
      : max_text_bytes_(std::min(k_max_text_bytes, std::min(request.max_tokens, k_max_text_bytes) * k_max_token_bytes)),
        events_left_(std::min(request.max_tokens, UINT64_MAX / 4) + request.prompt.size() + k_events_beside_tokens),
        on_text_(on_text) {}

  bool ended() const noexcept { return ended_; }
  Generated result() && { return std::move(generated_); }

  void feed(std::string_view data) {
    if (events_left_-- == 0) throw too_much();
    const json event = parse_answer(data);
    if (!event.is_object()) throw Error(ErrorKind::internal, "llama-server", "an event that is no JSON object");
    try {
      feed(event);
    } catch (const json::exception& problem) {
      throw Error(ErrorKind::internal, "llama-server", fmt::format("an event of another form: {}", problem.what()));
    }
  }

 private:
  static Error too_much() { return {ErrorKind::internal, "llama-server", "it sent more than it was asked for"}; }

  void feed(const json& event) {
    if (event.contains("error")) {
      const json& error = event["error"];
      const std::uint64_t code = error.is_object() ? count_in(error, "code", 500) : 500;
      throw refusal(static_cast<unsigned>(std::min<std::uint64_t>(code, 999)), complaint_of(error));
    }
    const auto text = event.value("content", std::string());
    if (!text.empty()) {
      if (text.size() > max_text_bytes_ - generated_.text.size()) throw too_much();
      generated_.text += text;
      if (on_text_) on_text_(text);
    }
    generated_.tokens = count_in(event, "tokens_predicted", generated_.tokens);
    if (event.contains("timings")) {
      generated_.tokens_per_second = event["timings"].value("predicted_per_second", 0.0);
    }
    ended_ = ended_ || event.value("stop", false);
  }

  std::uint64_t max_text_bytes_;
  std::uint64_t events_left_;
  const TokenSink& on_text_;
  Generated generated_;
  bool ended_ = false;
};

}  // namespace

void check_forwarded(const EngineCall& call) {
  if (std::ranges::find(k_forwarded_paths, call.path) != std::end(k_forwarded_paths)) return;
  throw Error(ErrorKind::invalid, printable(call.path), "requests are not passed on to this address of the engine");
}

bool LlamaClient::ready(const CallOptions& options) const {
  HttpRequest request;
  request.target = "/health";
  try {
    std::size_t bytes = 0;
    const auto on_body = [&](const HttpAnswerHead&, std::string_view piece) {
      bytes += piece.size();
      if (bytes > k_max_health_bytes)
        throw Error(ErrorKind::internal, "llama-server", "it says too much of its health");
      return false;
    };
    return exchange(socket_, request, on_body, stall_limit_, options).status == 200;
  } catch (const Error& error) {
    if (error.kind == ErrorKind::transient) return false;
    throw;
  }
}

Generated LlamaClient::complete(const CompletionRequest& request, const TokenSink& on_text,
                                const CallOptions& options) const {
  const HttpRequest http = post("/completion", to_body(request));
  EventStream events;
  Collector collector(request, on_text);
  std::string complaint;
  const auto on_body = [&](const HttpAnswerHead& head, std::string_view piece) {
    if (head.status != 200) {
      complaint += piece;
      if (complaint.size() > k_max_complaint_bytes) throw refusal(head.status, "with a reason that does not end");
      return false;
    }
    bool progress = false;
    events.feed(piece, [&](std::string_view data) {
      collector.feed(data);
      progress = true;
    });
    return progress;
  };
  const unsigned status = exchange(socket_, http, on_body, stall_limit_, options).status;
  if (status != 200) throw refusal(status, complaint_in(complaint));
  if (!collector.ended()) throw Error(ErrorKind::transient, "llama-server", "the answer broke off");
  return std::move(collector).result();
}

void LlamaClient::forward(const EngineCall& call, const EngineAnswerSink& sink, const CallOptions& options) const {
  check_forwarded(call);
  std::optional<EngineAnswerHead> head;  // once it is checked
  std::uint64_t bytes = 0;
  const auto on_body = [&](const HttpAnswerHead& answered, std::string_view piece) {
    if (!head) head = checked(answered);
    bytes += piece.size();
    if (bytes > k_max_forwarded_bytes) throw Error(ErrorKind::internal, "llama-server", "its answer does not end");
    sink(*head, piece);
    return true;
  };
  const auto limit = call.stall_limit.value_or(stall_limit_);
  const HttpAnswerHead answered = exchange(socket_, post(call.path, call.body), on_body, limit, options);
  if (!head) sink(checked(answered), {});
}

HttpRequest LlamaClient::post(std::string target, std::string body) const {
  return {.method = "POST",
          .target = std::move(target),
          .headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + key_}},
          .body = std::move(body)};
}

}  // namespace modelfloat::runner
