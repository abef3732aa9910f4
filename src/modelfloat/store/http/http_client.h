#pragma once
// Requests over HTTP/1.1, the one way in which stores reach a network. Connections are kept and
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
  // By Digest (RFC 7616): a question without the body goes first, for the server's nonce. Otherwise
  // Basic, with the first word.
  bool digest = false;
};

struct Response {
  int status = 0;
  Headers headers;  // names in lower case, in the order they came
  Bytes body;

  bool ok() const noexcept { return status >= 200 && status < 300; }
  // The first header of this name (lower case), or nothing.
  std::optional<std::string_view> header(std::string_view name) const noexcept;
  std::string_view text() const noexcept { return as_text(body); }
};

struct Request {
  std::string method = "GET";
  std::string url;    // http: or https:; may hold secrets, so it is never part of a message
  std::string where;  // what messages name instead: the store and the object or call
  Headers headers = {};
  std::vector<ByteSpan> body = {};  // sent end to end, not copied; must live until send() returns
  // An empty body is announced too (POST and PUT always announce one).
  bool has_body = false;
  const BasicLogin* login = nullptr;
  std::uint64_t max_answer_bytes = std::uint64_t{1} << 20;  // a longer answer is Error{corrupt}
  // Of the answer, as room to reserve where it doesn't say; a guess is fine.
  std::uint64_t expected_bytes = 0;
  // Sees the head of a 2xx answer, on the calling thread, before any of its body; what it throws
  // ends the call.
  std::function<void(const Response& head)> on_head = {};
  // Receives the body of a 2xx answer piece by piece instead of Response::body, on the calling
  // thread; max_answer_bytes does not count then.
  std::function<void(ByteSpan)> sink = {};
};

struct ClientSettings {
  Milliseconds connect_timeout{10'000};
  // A request is given up when for this long fewer than stall_bytes_per_second moved, in either
  // direction.
  Milliseconds stall_timeout{30'000};
  std::uint64_t stall_bytes_per_second = 256;
  std::string unix_socket = {};  // connect here, whatever the URL's host
  // A PEM file with the certificates of the authorities that servers may be certified by. Empty:
  // what find_authorities() finds.
  std::string ca_file = {};
};

// Shared by all threads; each call waits on its own thread. Redirects are not followed. Proxies are
// taken from the environment (http_proxy, HTTPS_PROXY, NO_PROXY, ...) as curl does, but never on
// the way to this machine itself: localhost, loopback addresses, Unix sockets.
class HttpClient {
 public:
  explicit HttpClient(ClientSettings settings = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The answer, whatever its status. Throws Error{cancelled} soon after a stop; timed_out at the
  // deadline or when nothing moves any more; offline when the host is unknown or takes no
  // connection; transient when the connection breaks, the answer is cut short or is no HTTP; denied
  // when its certificate is not to be trusted, with words that say why and what to do; invalid for
  // a URL that is none. A request on a kept connection that the server has closed meanwhile is sent
  // once more on a new one, when nothing of an answer had come.
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
