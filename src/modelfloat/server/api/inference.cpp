#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/log.h"
#include "modelfloat/server/api/errors.h"
#include "modelfloat/server/api/routes.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server::api {
namespace {

constexpr std::size_t k_max_prompt_bytes = std::size_t{512} << 10;
constexpr std::int64_t k_max_tokens = 8192;
constexpr double k_max_temperature = 2.0;
constexpr Milliseconds k_progress_period{250};

[[noreturn]] void invalid(const std::string& message) { throw HttpError(400, "invalid", message); }

struct Ask {
  runner::CompletionRequest completion;
  bool stream = false;
};

Ask read_ask(const nlohmann::json& json) {
  Ask ask;
  const auto prompt = json.find("prompt");
  if (prompt == json.end() || !prompt->is_string()) invalid("`prompt` must be a text");
  ask.completion.prompt = prompt->get<std::string>();
  if (ask.completion.prompt.empty()) invalid("`prompt` is empty");
  if (ask.completion.prompt.size() > k_max_prompt_bytes)
    throw HttpError(413, "too_large", "`prompt` has at most 512 KiB");
  if (const auto tokens = json.find("max_tokens"); tokens != json.end()) {
    // Numbers beyond 63 bits are unsigned to the parser; get<> would wrap them.
    const bool fits =
        tokens->is_number_integer() && !(tokens->is_number_unsigned() && tokens->get<std::uint64_t>() > k_max_tokens);
    const auto count = fits ? tokens->get<std::int64_t>() : 0;
    if (count < 1 || count > k_max_tokens) invalid("`max_tokens` must be a whole number from 1 to 8192");
    ask.completion.max_tokens = static_cast<std::uint64_t>(count);
  }
  if (const auto temperature = json.find("temperature"); temperature != json.end()) {
    const double value = temperature->is_number() ? temperature->get<double>() : -1;
    if (!(value >= 0 && value <= k_max_temperature)) invalid("`temperature` must be a number from 0 to 2");
    ask.completion.temperature = value;
  }
  if (const auto stream = json.find("stream"); stream != json.end()) {
    if (!stream->is_boolean()) invalid("`stream` must be true or false");
    ask.stream = stream->get<bool>();
  }
  return ask;
}

ApiError inference_error_of(const std::exception& error) {
  auto told = api_error_of(error);
  // Not the model's fault, and not to be mended by another request.
  if (dynamic_cast<const runner::NoEngine*>(&error) != nullptr) return {503, "no_engine", told.message, std::nullopt};
  if (told.code == "unsupported") told.code = "not_runnable";
  return told;
}

// The answer as server-sent events. It begins with the first thing there is to say, so that what fails before has its
// own status.
class EventAnswer {
 public:
  explicit EventAnswer(Response& response) : response_(response) {}

  void text(std::string_view piece) { event(to_text(nlohmann::json{{"text", std::string(piece)}})); }
  void progress(const runner::LoadProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (last_progress_ && now - *last_progress_ < k_progress_period) return;
    last_progress_ = now;
    if (progress.step == runner::LoadProgress::Step::starting) return write(": starting\n\n");
    write(fmt::format(": {} of {} MB\n\n", progress.bytes_done / 1'000'000, progress.bytes_total / 1'000'000));
  }
  void end() {
    write("data: [DONE]\n\n");
    response_.end();
  }
  void fail(const ApiError& error) {
    event(error_json(error.code, error.message));
    response_.end();
  }

 private:
  void event(const std::string& json) { write("data: " + json + "\n\n"); }
  void write(std::string_view text) {
    if (!response_.begun()) response_.begin(200, "text/event-stream", std::nullopt);
    response_.write(as_bytes(text));
  }

  Response& response_;
  std::optional<SteadyTime> last_progress_;
};

void answer_in_events(Service& service, const std::string& model, const Ask& ask, const CallOptions& call,
                      Response& response) {
  EventAnswer answer(response);
  try {
    service.infer(
        model, ask.completion, [&](std::string_view text) { answer.text(text); },
        [&](const runner::LoadProgress& progress) { answer.progress(progress); }, call);
  } catch (const Error& error) {
    if (!response.begun() || error.kind == ErrorKind::cancelled) throw;
    log_warning(model + ": " + error.what());
    return answer.fail(inference_error_of(error));
  }
  answer.end();
}

void answer_at_once(Service& service, const std::string& model, const Ask& ask, const CallOptions& call,
                    Response& response) {
  const auto completion = service.infer(model, ask.completion, {}, {}, call);
  send_json(response, 200,
            {{"text", completion.text},
             {"model", service.find(model).name},
             {"tokens", completion.tokens},
             {"seconds_to_first_token", completion.seconds_to_first_token},
             {"tokens_per_second", completion.tokens_per_second}});
}

void infer(Service& service, Request& request, Response& response) {
  const auto ask = read_ask(read_json_object(request));
  const auto& model = request.params.at("id");
  const CallOptions call{request.stop, std::nullopt};
  try {
    (ask.stream ? answer_in_events : answer_at_once)(service, model, ask, call, response);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::unsupported || response.begun()) throw;
    send_error(response, inference_error_of(error));
  }
}

}  // namespace

void add_inference_route(Routes& routes, Service& service, const ApiOptions& options) {
  routes.add(
      "POST", "/models/{id}/inference", Scope::infer,
      [&service](Request& request, Response& response) { infer(service, request, response); }, options.inferences);
}

}  // namespace modelfloat::server::api
