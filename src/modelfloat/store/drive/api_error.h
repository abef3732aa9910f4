#pragma once
// What Google's servers mean by a refusal.

#include <mutex>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::drive {

// How long to stay away after "too many requests" without a time: 1 s, doubled for each further
// refusal that comes after such a wait, up to 64 s, as Google asks; from the start again after a
// success. One for all calls of a store. Shared by all threads.
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

// An answer of Drive's API that is no success. The `reason` in it decides, then the status: limits
// by the minute are rate_limited (Retry-After, or `backoff`), limits by the day are rate_limited
// with hours to wait, a full account is out_of_space.
Error api_error(const http::Response& response, std::string where, std::string_view what, Backoff& backoff,
                UtcTime now);

// An answer of the address that gives tokens. invalid_grant is denied, and says to log in again.
Error token_error(const http::Response& response, std::string where, Backoff& backoff, UtcTime now);

// `error` and `error_description` of such an answer, or empty.
struct TokenRefusal {
  std::string error;
  std::string description;
};
TokenRefusal token_refusal(const http::Response& response);

}  // namespace modelfloat::store::drive
