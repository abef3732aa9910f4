#pragma once
// The meaning of an HTTP status when the provider gives no error code of its own.

#include <optional>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::http {

// Makes an Error from a status: 401, 403 denied; 404, 410 not_found; 408 timed_out; 413, 507
// out_of_space; 429 rate_limited; 423, 425, 5xx transient (503 with Retry-After: rate_limited);
// other 4xx and redirects invalid. The message is `what`, the status, and the first line of the
// body if that is plain text.
Error status_error(const Response& response, std::string where, std::string_view what, UtcTime now);

// The header Retry-After, which may be seconds or a date (RFC 9110, 10.2.3). Nullopt when it is
// missing or invalid. Never negative.
std::optional<Milliseconds> retry_after(const Response& response, UtcTime now);

// Parses a date in HTTP's format; nullopt when it is invalid.
std::optional<UtcTime> parse_date(std::string_view text);

// The server's time (header Date); nullopt when it is missing.
std::optional<UtcTime> date(const Response& response);

// The header Content-Length, which also answers to HEAD have; nullopt when it is missing.
std::optional<std::uint64_t> content_length(const Response& response);

}  // namespace modelfloat::store::http
