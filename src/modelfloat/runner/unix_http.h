#pragma once
// HTTP/1.1 to a server on a Unix socket, one connection for each request.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelfloat/base/cancel.h"

namespace modelfloat::runner {

struct HttpRequest {
  std::string method = "GET";
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct HttpAnswerHead {
  unsigned status = 0;
  std::string content_type;  // as the server sent it; empty where it sent none
};

// The next bytes of the answer's body. Returns whether they were a sign of progress. What it throws
// ends the exchange.
using BodySink = std::function<bool(const HttpAnswerHead& head, std::string_view piece)>;

// Returns the head of the answer, after its whole body went to `on_body`. That is not called for an
// empty body. The server is not trusted: of its answer no more is held than comes at once, and a
// head of more than 1 MiB is an error. Errors: transient (nobody listens, or the connection ended
// too early), timed_out (no sign of progress for `stall_limit`), internal (the answer is no HTTP).
HttpAnswerHead exchange(const std::filesystem::path& socket, const HttpRequest&, const BodySink& on_body,
                        Milliseconds stall_limit, const CallOptions&);

}  // namespace modelfloat::runner
