#include <cmath>

#include <nlohmann/json.hpp>

#include "modelfloat/base/log.h"
#include "modelfloat/server/event_stream.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/native.h"

namespace modelfloat::server::native {
namespace {

constexpr std::size_t k_max_prompt_bytes = std::size_t{512} << 10;
constexpr std::int64_t k_max_tokens = 8192;
constexpr double k_max_temperature = 2.0;
constexpr std::int64_t k_max_seed = 0xfffffffe;  // to llama-server the next one means: any
constexpr std::size_t k_max_stops = 16;
constexpr std::size_t k_max_stop_bytes = 256;

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

void answer_in_events(Service& service, const std::string& model, const Ask& ask, const CallOptions& call,
                      Response& response) {
  EventStreamWriter events(response);
  const auto on_text = [&](std::string_view text) {
    events.event(server::to_text(nlohmann::json{{"text", std::string(text)}}));
  };
  const auto on_progress = [&](const runner::LoadProgress& progress) { events.progress(progress); };
  try {
    service.infer(model, ask.completion, on_text, on_progress, call);
  } catch (const Error& error) {
    if (!response.begun() || error.kind == ErrorKind::cancelled) throw;
    log_warning(model + ": " + error.what());
    const auto told = inference_error_answer_of(error);
    return events.end(error_json(told.code, told.message));
  }
  events.end("[DONE]");
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
    write_error(inference_error_answer_of(error), response);
  }
}

}  // namespace

Route inference_route(Service& service, const RequestLimits& limits) {
  return {.method = "POST",
          .pattern = "/models/{id}/inference",
          .scope = Scope::infer,
          .handler = [&service](Request& request, Response& response) { infer(service, request, response); },
          .limit = limits.inferences};
}

}  // namespace modelfloat::server::native
