#pragma once
// HTTP/1.1 requests. All stores that use a network go through this client. Connections are kept and
// reused.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/cancel.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/http/authorities.h"

namespace modelfloat::store::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct BasicLogin {
  std::string user;
  crypto::SecretBytes password;
  // Use Digest (RFC 7616): a request without the body goes first, to get the server's nonce.
  // Otherwise Basic, with the first request.
  bool digest = false;
};

struct Response {
  int status = 0;
  Headers headers;  // names in lower case, in the order of the answer
  Bytes body;

  bool ok() const noexcept { return status >= 200 && status < 300; }
  // The first header of this name (lower case); nullopt if there is none.
  std::optional<std::string_view> header(std::string_view name) const noexcept;
  std::string_view text() const noexcept { return as_text(body); }
};

struct Request {
  std::string method = "GET";
  std::string url;    // http: or https:; may hold secrets, so no message contains it
  std::string where;  // what messages name instead: the store and the object or call
  Headers headers = {};
  std::vector<ByteSpan> body = {};  // sent end to end, not copied; must live until send() returns
  // Send "Content-Length: 0" for an empty body too (POST and PUT always do).
  bool has_body = false;
  const BasicLogin* login = nullptr;
  std::uint64_t max_answer_bytes = std::uint64_t{1} << 20;  // a longer answer is Error{corrupt}
  // The expected size of the answer, to reserve memory where the server does not tell it. May be a
  // guess.
  std::uint64_t expected_bytes = 0;
  // Called with the head of a 2xx answer, on the calling thread, before any of its body. An
  // exception ends the request and is passed on.
  std::function<void(const Response& head)> on_head = {};
  // Called with each piece of the body of a 2xx answer, on the calling thread. The body is then not
  // in Response::body, and max_answer_bytes does not apply.
  std::function<void(ByteSpan)> sink = {};
};

struct ClientSettings {
  Milliseconds connect_timeout{10'000};
  // A request times out when fewer than stall_bytes_per_second move, in either direction, for this
  // long.
  Milliseconds stall_timeout{30'000};
  std::uint64_t stall_bytes_per_second = 256;
  std::string unix_socket = {};  // connect to this socket instead of the URL's host
  // A PEM file with the certificate authorities to trust. Empty: those that find_authorities()
  // finds.
  std::string ca_file = {};
};

// Any thread may call send(); it blocks the calling thread. Redirects are not followed. Proxies are
// taken from the environment (http_proxy, HTTPS_PROXY, NO_PROXY, ...) as curl does, but never for
// this machine itself: localhost, loopback addresses, Unix sockets.
class HttpClient {
 public:
  explicit HttpClient(ClientSettings settings = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Sends the request and returns the answer, whatever its status. Throws what `on_head` and `sink`
  // throw, and Error of these kinds:
  //   cancelled   soon after a stop
  //   timed_out   at the deadline, or when nothing moves any more
  //   offline     the host is unknown or accepts no connection
  //   transient   the connection breaks, or the answer is cut short or is no HTTP
  //   denied      the certificate is not trusted; the message says why and what to do
  //   corrupt     the answer is longer than max_answer_bytes
  //   invalid     the URL is not valid
  //   other kinds this machine lacks something, such as memory or file descriptors
  // If the server has closed a kept connection before any of the answer came, the request is sent
  // once more on a new connection.
  Response send(const Request& request, const CallOptions& options);

 private:
  class Connection;
  std::unique_ptr<Connection> acquire();
  void give_back(std::unique_ptr<Connection> connection);

  struct Pool;
  const ClientSettings settings_;
  const Authorities authorities_;
  const std::unique_ptr<Pool> pool_;
};

}  // namespace modelfloat::store::http
