#pragma once
// One request and its response, as handlers see them. No type of the HTTP library appears here.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/base/error.h"

namespace modelfloat::server {

// Belongs to one handler call, on its thread.
struct Request {
  std::string method;  // as sent: "GET"
  // percent-decoded: "/a/b%2Fc" is {"a", "b/c"}, "/" is {""}.
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  // The parameters that the router found in the path.
  std::map<std::string, std::string> params;
  // nullopt when there is no body, or a chunked one.
  std::optional<std::uint64_t> content_length;
  // The scope of the request's token; empty where the route needs no token.
  std::string scope;
  std::string peer;  // address and port, for messages
  // The body. Reading throws Error{cancelled} when the client disconnects before the end, and
  // HttpError when the body is malformed or the client is slower than the limits allow.
  ByteSource* body = nullptr;
  // Stop is requested when the client disconnects after it has sent its body, and when the server
  // ends.
  std::stop_token stop;

  // The first header of this name, which must be in lower case; nullopt when there is none.
  std::optional<std::string_view> header(std::string_view name) const noexcept;
  std::optional<std::string_view> query_value(std::string_view name) const noexcept;
};

// The response to a request: either send(), or begin(), any number of write() and end(). Writing
// blocks while the client is slow, and throws Error{cancelled} when the client has disconnected
// or is slower than the limits allow. Bodies of responses to HEAD are dropped.
class Response {
 public:
  virtual ~Response() = default;
  // To be called before send() or begin(). Replaces a header of that name. Throws Error{internal}
  // for characters that are not allowed in a header.
  virtual void set_header(std::string name, std::string value) = 0;
  virtual void send(int status, std::string_view content_type, std::string_view body) = 0;
  // Begins an answer whose body follows by write(). Without a length the body is sent in chunks.
  // The head is sent with the first write(), or with end(). The rest of the request's body can no
  // longer be read.
  virtual void begin(int status, std::string_view content_type, std::optional<std::uint64_t> length_bytes) = 0;
  virtual void write(ByteSpan) = 0;
  virtual void end() = 0;
  // Whether the status is fixed. After that, an error can only be reported within the body, or by
  // closing the connection.
  virtual bool begun() const noexcept = 0;
};

// Must send a complete response. When it throws, the connection is closed; when the response has
// not begun, the client gets a 500 first.
using Handler = std::function<void(Request&, Response&)>;

// An error with a status and a code of its own. `message` is what the client is told.
struct HttpError : Error {
  HttpError(int http_status, std::string stable_code, std::string text);
  int status;
  std::string code;
  std::string message;
};

// "Not Found" for 404; empty for unknown numbers.
std::string_view reason_phrase(int status) noexcept;

}  // namespace modelfloat::server
