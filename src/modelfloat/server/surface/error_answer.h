#pragma once
// The status, code and message that a client gets for a failure. Each surface writes them in its
// own format.

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

struct ErrorAnswer {
  int status = 500;
  std::string code = "internal";  // stable; the codes of docs/api.md
  std::string message = "something went wrong in the server";
  std::optional<std::uint64_t> retry_after_seconds;
};

// Describes an Error in full. Other exceptions are bugs, and their text is not shown to clients.
ErrorAnswer error_answer_of(const std::exception& error);
// The same for a failed inference. Distinguishes a model that cannot be run from a machine that
// has no engine.
ErrorAnswer inference_error_answer_of(const std::exception& error);

// Sends the error in the form of a surface, as a whole answer. Throws what sending throws.
using ErrorWriter = std::function<void(const ErrorAnswer& error, Response& response)>;

// Calls `handler`, and answers an exception with an error. Two failures are passed on to the
// server, which then closes the connection: the client has disconnected, or the response has
// already begun. In the second case, the client notices the failure by the closed connection.
void answer_errors(const Handler& handler, const ErrorWriter& write_error, Request& request, Response& response);

}  // namespace modelfloat::server
