#pragma once
// What a status means when the provider has no words of its own for it.

#include <optional>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::http {

// 401, 403 denied; 404, 410 not_found; 408 timed_out; 413, 507 out_of_space; 429 rate_limited; 423,
// 425, 5xx transient (503 with Retry-After: rate_limited); other 4xx, and redirects, invalid. The
// message is `what`, the status, and the first line of the body where that is plain text.
Error status_error(const Response& response, std::string where, std::string_view what, UtcTime now);

// Retry-After as seconds or as a date (RFC 9110, 10.2.3); nothing when there is none or it makes no
// sense; never negative.
std::optional<Milliseconds> retry_after(const Response& response, UtcTime now);

// A date as HTTP spells it; nothing when it is none.
std::optional<UtcTime> parse_date(std::string_view text);

// What the server's clock says; nothing when it doesn't.
std::optional<UtcTime> date(const Response& response);

// The length that the answer announces, such as to HEAD.
std::optional<std::uint64_t> content_length(const Response& response);

}  // namespace modelfloat::store::http
