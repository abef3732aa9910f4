#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/log.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/errors.h"
#include "modelfloat/server/surface/native/routes.h"

namespace modelfloat::server::api {
namespace {

constexpr std::size_t k_max_prompt_bytes = std::size_t{512} << 10;
constexpr std::int64_t k_max_tokens = 8192;
constexpr double k_max_temperature = 2.0;
constexpr std::int64_t k_max_seed = 0xfffffffe;  // to llama-server the next one means: any
constexpr std::size_t k_max_stops = 16;
constexpr std::size_t k_max_stop_bytes = 256;
constexpr Milliseconds k_progress_period{250};

[[noreturn]] void invalid(const std::string& message) { throw HttpError(400, "invalid", message); }

struct Ask {
  runner::CompletionRequest completion;
  bool stream = false;
};

// A whole number, also one that is written as 16.0 or 1.6e1.
std::optional<std::int64_t> whole_number(const nlohmann::json& value, std::int64_t least, std::int64_t most) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();  // exact up to 2^53
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) || number != std::floor(number))
    return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<double> number_between(const nlohmann::json& value, double least, double most) {
  const auto number = value.is_number() ? value.get<double>() : NAN;
  if (!(number >= least && number <= most)) return std::nullopt;
  return number;
}

std::string prompt_of(const nlohmann::json& value) {
  if (!value.is_string()) invalid("`prompt` must be a text");
  auto prompt = value.get<std::string>();
  if (prompt.empty()) invalid("`prompt` is empty");
  if (prompt.size() > k_max_prompt_bytes) throw HttpError(413, "too_large", "`prompt` has at most 512 KiB");
  return prompt;
}

std::vector<std::string> stops_of(const nlohmann::json& value) {
  const auto list = value.is_string() ? nlohmann::json::array({value}) : value;
  if (!list.is_array() || list.size() > k_max_stops) invalid("`stop` must be a text, or a list of at most 16 texts");
  std::vector<std::string> stops;
  for (const auto& stop : list) {
    if (!stop.is_string()) invalid("`stop` must be a text, or a list of at most 16 texts");
    stops.push_back(stop.get<std::string>());
    if (stops.back().empty() || stops.back().size() > k_max_stop_bytes) {
      invalid("a text in `stop` must have 1 to 256 bytes");
    }
  }
  return stops;
}

Ask read_ask(const nlohmann::json& json) {
  Ask ask;
  auto& completion = ask.completion;
  // Many clients send null for what is not set.
  const auto member = [&json](const char* name) {
    return json.contains(name) && !json[name].is_null() ? &json[name] : nullptr;
  };
  const auto* prompt = member("prompt");
  if (prompt == nullptr) invalid("`prompt` is missing");
  completion.prompt = prompt_of(*prompt);
  if (const auto* value = member("max_tokens")) {
    const auto count = whole_number(*value, 1, k_max_tokens);
    if (!count) invalid("`max_tokens` must be a whole number from 1 to 8192");
    completion.max_tokens = static_cast<std::uint64_t>(*count);
  }
  if (const auto* value = member("temperature")) {
    const auto temperature = number_between(*value, 0, k_max_temperature);
    if (!temperature) invalid("`temperature` must be a number from 0 to 2");
    completion.temperature = *temperature;
  }
  if (const auto* value = member("top_p")) {
    completion.top_p = number_between(*value, 0, 1);
    if (!completion.top_p) invalid("`top_p` must be a number from 0 to 1");
  }
  if (const auto* value = member("seed")) {
    const auto seed = whole_number(*value, 0, k_max_seed);
    if (!seed) invalid("`seed` must be a whole number from 0 to 4294967294");
    completion.seed = static_cast<std::uint32_t>(*seed);
  }
  if (const auto* value = member("stop")) completion.stop = stops_of(*value);
  if (const auto* value = member("stream")) {
    if (!value->is_boolean()) invalid("`stream` must be true or false");
    ask.stream = value->get<bool>();
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
             {"model", service.find(model, call).name},
             {"tokens", completion.tokens},
             {"seconds_to_first_token", completion.seconds_to_first_token},
             {"tokens_per_second", completion.tokens_per_second}});
}

void infer(Service& service, Request& request, Response& response) {
  const auto ask =
      read_ask(read_json_object(request, {"prompt", "max_tokens", "temperature", "top_p", "seed", "stop", "stream"}));
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
