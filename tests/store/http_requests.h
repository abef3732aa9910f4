#pragma once
// Requests of the tests of the HTTP client, and scripts of the server that answers them.

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "support/plain_call.h"
#include "support/scripted_server.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"

namespace modelfloat::test::http_requests {

using store::http::HttpClient;
using store::http::Request;

inline Request get(const std::string& url) { return {.method = "GET", .url = url, .where = "test"}; }

inline std::optional<Error> failure_of(HttpClient& client, const Request& request,
                                       const CallOptions& options = k_no_deadline) {
  try {
    client.send(request, options);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

inline ErrorKind kind_of_failure(HttpClient& client, const Request& request,
                                 const CallOptions& options = k_no_deadline) {
  const auto error = failure_of(client, request, options);
  EXPECT_TRUE(error);
  return error ? error->kind : ErrorKind::internal;
}

// Answers every request of every connection by `reply`.
inline ScriptedServer::Script always(std::function<void(ScriptedConnection&, const ScriptedRequest&)> reply) {
  return [reply = std::move(reply)](ScriptedConnection& connection) {
    while (const auto request = connection.read_request()) reply(connection, *request);
  };
}

inline ScriptedServer::Script always_answer(const std::string& status, const std::string& body = {},
                                            const std::string& header_lines = {}) {
  return always(
      [=](ScriptedConnection& connection, const ScriptedRequest&) { connection.answer(status, body, header_lines); });
}

// Sends these bytes for the first request of each connection, then closes.
inline ScriptedServer::Script send_and_close(std::string bytes) {
  return [bytes = std::move(bytes)](ScriptedConnection& connection) {
    if (connection.read_request()) connection.send(bytes);
  };
}

}  // namespace modelfloat::test::http_requests
