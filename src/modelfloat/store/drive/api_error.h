#pragma once
// Turns error answers of Google's servers into Errors.

#include <mutex>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::drive {

// How long to wait after a "too many requests" answer without a time: 1 s, doubled for each further
// refusal after such a wait, up to 64 s, as Google recommends. A success resets it. Shared by all
// calls of a store and all threads.
class Backoff {
 public:
  explicit Backoff(Clock& clock) : clock_(clock) {}
  Milliseconds refused();
  void worked() noexcept;

 private:
  Clock& clock_;
  std::mutex mutex_;
  Milliseconds next_{1000};
  SteadyTime until_{};
};

// Makes the Error for an answer of Drive's API that is no success. The `reason` in it decides, then
// the status. Limits per minute are rate_limited (with Retry-After or the time of `backoff`),
// limits per day are rate_limited with hours to wait, and a full account is out_of_space.
Error api_error(const http::Response& response, std::string where, std::string_view what, Backoff& backoff,
                UtcTime now);

// The same for an answer to a token request. invalid_grant is denied, with the advice to log in
// again.
Error token_error(const http::Response& response, std::string where, Backoff& backoff, UtcTime now);

// The fields `error` and `error_description` of such an answer; empty when missing.
struct TokenRefusal {
  std::string error;
  std::string description;
};
TokenRefusal token_refusal(const http::Response& response);

}  // namespace modelfloat::store::drive
