#pragma once
// Listens, reads heads, and gives requests to the handler.

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "modelfloat/server/http/http.h"
#include "modelfloat/server/http/http_limits.h"

namespace modelfloat::server {

struct HttpOptions {
  std::string address = "127.0.0.1";  // an IP address, or "localhost"
  std::uint16_t port = 0;             // 0: any free one
  // HostList: allowed besides localhost, 127.0.0.1, [::1] and the address called.
  std::vector<std::string> host_names;
  HttpLimits limits;
};

// One thread waits for all the connections that have no request under way; a request gets a thread
// of its own, at most limits.handlers at once, when its head is complete. So idle and slow-headed
// clients cost no thread.
class HttpServer {
 public:
  // Listens when it returns. `handler` is called from many threads. Throws Error{invalid} for an
  // address or a name that is none and Error of the system's kind when it cannot be bound.
  HttpServer(HttpOptions options, Handler handler);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const noexcept;
  std::string url() const;  // "http://127.0.0.1:8080"

  // Blocks until a stop is asked for, then stops.
  void run(const std::stop_token& stop);
  // Takes no more requests, gives the running ones limits.drain_time to end, then stops and cuts
  // them off, and waits for their threads. Calling it again does nothing.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelfloat::server
