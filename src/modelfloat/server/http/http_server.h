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

// One thread waits for all connections that have no request under way. A request gets its own
// thread when its head is complete; at most limits.handlers run at once. So idle clients, and
// clients that send their heads slowly, cost no thread.
class HttpServer {
 public:
  // The server listens when the constructor returns. `handler` is called from many threads.
  // Throws Error{invalid} for an invalid address or host name, and a system_error() when the
  // address cannot be bound.
  HttpServer(HttpOptions options, Handler handler);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const noexcept;
  std::string url() const;  // "http://127.0.0.1:8080"

  // Blocks until a stop is asked for, then stops.
  void run(const std::stop_token& stop);
  // Accepts no more requests, and gives the running ones limits.drain_time to end. Then it
  // requests their stop, closes their connections and waits for their threads. Calling it again
  // does nothing.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelfloat::server
