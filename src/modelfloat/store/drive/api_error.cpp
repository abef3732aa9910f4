#include "modelfloat/store/drive/api_error.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "modelfloat/store/http/status.h"

namespace modelfloat::store::drive {
namespace {

using nlohmann::json;

constexpr Milliseconds k_longest_backoff{64'000};
constexpr std::chrono::hours k_paused{6};  // daily quotas become free again bit by bit

struct Meaning {
  std::string_view reason;
  ErrorKind kind;
  bool for_hours = false;
};

// docs/stores/drive.md lists them. What is not here means what its status says.
constexpr Meaning k_meanings[] = {
    {"userRateLimitExceeded", ErrorKind::rate_limited},
    {"rateLimitExceeded", ErrorKind::rate_limited},
    {"quotaExceeded", ErrorKind::rate_limited},
    {"sharingRateLimitExceeded", ErrorKind::rate_limited},
    {"dailyLimitExceeded", ErrorKind::rate_limited, true},
    {"dailyLimitExceededUnreg", ErrorKind::rate_limited, true},
    {"downloadQuotaExceeded", ErrorKind::rate_limited, true},
    {"uploadLimitExceeded", ErrorKind::rate_limited, true},
    {"storageQuotaExceeded", ErrorKind::out_of_space},
    {"teamDriveFileLimitExceeded", ErrorKind::out_of_space},
    {"numChildrenInNonRootLimitExceeded", ErrorKind::out_of_space},
    {"activeItemCreationLimitExceeded", ErrorKind::out_of_space},
    {"notFound", ErrorKind::not_found},
    {"conflict", ErrorKind::transient},
    {"conditionNotMet", ErrorKind::transient},
    {"backendError", ErrorKind::transient},
    {"internalError", ErrorKind::transient},
    {"transientError", ErrorKind::transient},
};

std::string text_at(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Makes a server's text safe for messages: no control characters, and not too long.
std::string plain(std::string text) {
  constexpr std::size_t k_longest = 200;
  text.resize(std::min(text.size(), k_longest));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

struct Refusal {
  std::string reason;
  std::string message;
};

Refusal refusal_of(const http::Response& response) {
  const json body = json::parse(response.text(), nullptr, false);
  if (!body.is_object() || !body.contains("error") || !body["error"].is_object()) return {};
  const json& error = body["error"];
  Refusal refusal{{}, plain(text_at(error, "message"))};
  if (error.contains("errors") && error["errors"].is_array() && !error["errors"].empty())
    refusal.reason = plain(text_at(error["errors"][0], "reason"));
  return refusal;
}

std::string_view advice(std::string_view reason) {
  if (reason == "accessNotConfigured") return " (enable the Google Drive API in the project of the OAuth client)";
  if (reason == "insufficientPermissions")
    return " (this login does not include Drive's files: log in again and allow them)";
  if (reason == "appNotAuthorizedToFile") return " (the file was made with another OAuth client)";
  return "";
}

ErrorKind kind_without_reason(const http::Response& response, ErrorKind by_status) {
  const bool may_pass = response.status == 409 || response.status == 412;
  return may_pass ? ErrorKind::transient : by_status;
}

}  // namespace

Milliseconds Backoff::refused() {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady_now();
  // Parallel calls are refused together; that counts as one refusal.
  if (now < until_) return std::chrono::ceil<Milliseconds>(until_ - now);
  const Milliseconds wait = next_;
  next_ = std::min(next_ * 2, k_longest_backoff);
  until_ = now + wait;
  return wait;
}

void Backoff::worked() noexcept {
  const std::lock_guard lock(mutex_);
  next_ = Milliseconds(1000);
}

Error api_error(const http::Response& response, std::string where, std::string_view what, Backoff& backoff,
                UtcTime now) {
  const auto [reason, message] = refusal_of(response);
  const Error plain_error = http::status_error(response, where, what, now);
  const auto* meaning = std::find_if(std::begin(k_meanings), std::end(k_meanings),
                                     [&](const Meaning& known) { return known.reason == reason; });
  const bool known = meaning != std::end(k_meanings);
  const ErrorKind kind = known ? meaning->kind : kind_without_reason(response, plain_error.kind);
  std::optional<Milliseconds> wait = plain_error.retry_after;
  if (known && meaning->for_hours) {
    wait = std::max(wait.value_or(Milliseconds(0)), Milliseconds(k_paused));
  } else if (kind == ErrorKind::rate_limited && !wait) {
    wait = backoff.refused();
  }
  std::string text = std::string(what) + ": HTTP status " + std::to_string(response.status);
  if (!reason.empty()) text += ", " + reason;
  if (!message.empty()) text += ": " + message;
  return Error(kind, std::move(where), text + std::string(advice(reason)), wait);
}

TokenRefusal token_refusal(const http::Response& response) {
  const json body = json::parse(response.text(), nullptr, false);
  return {plain(text_at(body, "error")), plain(text_at(body, "error_description"))};
}

Error token_error(const http::Response& response, std::string where, Backoff& backoff, UtcTime now) {
  const auto [error, description] = token_refusal(response);
  std::string text = "Google gives no access token: HTTP status " + std::to_string(response.status);
  if (!error.empty()) text += ", " + error;
  if (!description.empty()) text += ": " + description;
  if (error == "invalid_grant") {
    return Error(ErrorKind::denied, std::move(where),
                 text +
                     ". The login has ended: log in again (those of an OAuth project in the state \"Testing\" end "
                     "after 7 days)");
  }
  const ErrorKind by_status = http::status_error(response, where, "", now).kind;
  if (by_status == ErrorKind::rate_limited || error == "rate_limit_exceeded") {
    const auto asked = http::retry_after(response, now);
    return Error(ErrorKind::rate_limited, std::move(where), text, asked ? *asked : backoff.refused());
  }
  const bool refused = response.status >= 400 && response.status < 500 && by_status != ErrorKind::timed_out;
  return Error(refused                             ? ErrorKind::denied
               : by_status == ErrorKind::timed_out ? ErrorKind::timed_out
                                                   : ErrorKind::transient,
               std::move(where), text);
}

}  // namespace modelfloat::store::drive
