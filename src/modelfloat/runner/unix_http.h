#pragma once
// HTTP/1.1 client for a server on a Unix socket, with one connection for each request.

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

// Receives the next bytes of the answer's body. Returns whether they show progress. An exception
// ends the exchange and is passed on.
using BodySink = std::function<bool(const HttpAnswerHead& head, std::string_view piece)>;

// Sends the request, passes the body of the answer to `on_body` and returns its head. `on_body`
// is not called for an empty body. The server is not trusted: the body is not collected in
// memory, and a head of more than 1 MiB is an error. Errors: transient (nobody listens, or the
// connection ended too early), timed_out (no progress within `stall_limit`), internal (the answer
// is not HTTP).
HttpAnswerHead exchange(const std::filesystem::path& socket, const HttpRequest&, const BodySink& on_body,
                        Milliseconds stall_limit, const CallOptions&);

}  // namespace modelfloat::runner
