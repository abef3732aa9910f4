#pragma once
// What a client is told about a failure. Each surface writes it in its own form.

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

// All of an Error, nothing of a bug.
ErrorAnswer error_answer_of(const std::exception& error);
// The same for a failed inference: whether the model cannot be run, or this machine runs none.
ErrorAnswer inference_error_answer_of(const std::exception& error);

// Sends the error in the form of a surface, as a whole answer. Throws what sending throws.
using ErrorWriter = std::function<void(const ErrorAnswer& error, Response& response)>;

// Calls `handler` and answers with what it throws. A client that is gone, and a failure after the
// answer has begun, are passed on: the server closes the connection, which is how the client
// notices.
void answer_errors(const Handler& handler, const ErrorWriter& write_error, Request& request, Response& response);

}  // namespace modelfloat::server
