#include "modelfloat/server/surface/error_answer.h"

#include "modelfloat/base/log.h"
#include "modelfloat/runner/runner.h"

namespace modelfloat::server {
namespace {

struct Status {
  int status;
  const char* code;
};

Status status_of(const Error& error) noexcept {
  switch (error.kind) {
    case ErrorKind::invalid: return {400, "invalid"};
    case ErrorKind::not_found: return {404, "not_found"};
    case ErrorKind::denied: return {403, "denied"};
    case ErrorKind::out_of_space: return {507, "out_of_space"};
    case ErrorKind::rate_limited: return {429, "rate_limited"};
    case ErrorKind::transient: return {503, "try_again"};
    case ErrorKind::timed_out: return {504, "timed_out"};
    case ErrorKind::offline: return {503, "stores_offline"};
    case ErrorKind::corrupt: return {500, "data_corrupt"};
    case ErrorKind::lost: return {503, error.retry_after ? "stores_offline" : "data_lost"};
    case ErrorKind::unsupported: return {422, "unsupported"};
    case ErrorKind::cancelled: return {503, "cancelled"};
    case ErrorKind::internal: break;
  }
  return {500, "internal"};
}

std::optional<std::uint64_t> retry_after_of(const Error& error) {
  if (error.retry_after) return static_cast<std::uint64_t>((error.retry_after->count() + 999) / 1000);
  if (error.kind == ErrorKind::rate_limited || error.kind == ErrorKind::transient) return 1;
  return std::nullopt;
}

}  // namespace

ErrorAnswer error_answer_of(const std::exception& error) {
  if (const auto* http = dynamic_cast<const HttpError*>(&error)) {
    return {http->status, http->code, http->message,
            http->status == 503 ? std::optional<std::uint64_t>(1) : std::nullopt};
  }
  const auto* known = dynamic_cast<const Error*>(&error);
  if (known == nullptr || known->kind == ErrorKind::internal) return {};
  const auto [status, code] = status_of(*known);
  return {status, code, known->what(), retry_after_of(*known)};
}

ErrorAnswer inference_error_answer_of(const std::exception& error) {
  auto told = error_answer_of(error);
  // Not the model's fault, and not to be mended by another request.
  if (dynamic_cast<const runner::NoEngine*>(&error) != nullptr) return {503, "no_engine", told.message, std::nullopt};
  if (told.code == "unsupported") told.code = "not_runnable";
  return told;
}

void answer_errors(const Handler& handler, const ErrorWriter& write_error, Request& request, Response& response) {
  try {
    handler(request, response);
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const Error*>(&error);
    if (response.begun() || (known != nullptr && known->kind == ErrorKind::cancelled)) throw;
    const auto answer = error_answer_of(error);
    if (answer.status >= 500) log_warning(request.peer + ": " + error.what());
    write_error(answer, response);
  }
}

}  // namespace modelfloat::server
