#pragma once
// A server on a free port of the loopback, with a handler that the test gives it.

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "modelfloat/server/http/http_server.h"

namespace modelfloat::server {

inline std::string body_of(Request& request) {
  std::string text;
  Bytes buffer(1000);
  while (const auto count = request.body->read(buffer)) text += as_text(ByteSpan(buffer).first(count));
  return text;
}

// Answers with the path and the body.
inline void echo(Request& request, Response& response) {
  response.send(200, "text/plain", request.path.back() + ":" + body_of(request));
}

class HttpServerTest : public testing::Test {
 protected:
  std::uint16_t start(Handler handler) {
    server_.emplace(options_, std::move(handler));
    return server_->port();
  }
  std::string head(const std::string& request_line, const std::string& more = "") const {
    return request_line + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server_->port()) + "\r\n" + more + "\r\n";
  }
  HttpOptions options_;
  std::optional<HttpServer> server_;
};

}  // namespace modelfloat::server
