#pragma once
// Errors as the API tells them: {"error": {"code", "message"}} with stable codes.

#include <exception>
#include <optional>
#include <string>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server::api {

struct ApiError {
  int status = 500;
  std::string code = "internal";
  std::string message = "something went wrong in the server";
  std::optional<std::uint64_t> retry_after_seconds;
};

// What a client is told about a failure: all of an Error, nothing of a bug.
ApiError api_error_of(const std::exception& error);

// Sends the error. Throws what sending throws.
void send_error(Response& response, const ApiError& error);

// Calls `handler` and answers with what it throws. A client that is gone, and a failure after the answer has begun, are
// passed on: the server closes the connection, which is how the client notices.
Handler with_error_answers(Handler handler);

}  // namespace modelfloat::server::api
