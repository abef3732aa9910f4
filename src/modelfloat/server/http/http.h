#pragma once
// One request and its answer, as handlers see them. No type of the HTTP library shows here.

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
  std::map<std::string, std::string> params;                 // what the router took out of the path
  // Nothing when there is no body, or a chunked one.
  std::optional<std::uint64_t> content_length;
  // Of the token; empty where none was asked for.
  std::string scope;
  std::string peer;  // address and port, for messages
  // The body. Reading throws Error{cancelled} when the client goes away before its end, and
  // HttpError when it breaks the rules or is slower than the limits allow.
  ByteSource* body = nullptr;
  // Stopped when the client goes away after it has sent its body, and when the server ends.
  std::stop_token stop;

  // The first of that name; the name in lower case.
  std::optional<std::string_view> header(std::string_view name) const noexcept;
  std::optional<std::string_view> query_value(std::string_view name) const noexcept;
};

// The answer: either send(), or begin(), any number of write() and end(). Writing blocks while the
// client is slow, and throws Error{cancelled} when it is gone or slower than the limits allow. The
// bodies of answers to HEAD are dropped.
class Response {
 public:
  virtual ~Response() = default;
  // Before send() or begin(). Replaces a header of that name. Throws Error{internal} for characters
  // that cannot stand in one.
  virtual void set_header(std::string name, std::string value) = 0;
  virtual void send(int status, std::string_view content_type, std::string_view body) = 0;
  // Without a length the body is sent in chunks. The head goes out with the first write, or at the
  // end. The rest of the request's body cannot be read any more.
  virtual void begin(int status, std::string_view content_type, std::optional<std::uint64_t> length_bytes) = 0;
  virtual void write(ByteSpan) = 0;
  virtual void end() = 0;
  // Whether a status has been decided: from then on an error can only be shown by what is written,
  // or by a cut.
  virtual bool begun() const noexcept = 0;
};

// Must end the answer. What it throws closes the connection; before begin() the client gets a 500.
using Handler = std::function<void(Request&, Response&)>;

// An error with a status and a code of its own. `message` is what the client is told.
struct HttpError : Error {
  HttpError(int http_status, std::string stable_code, std::string text);
  int status;
  std::string code;
  std::string message;
};

// "Not Found" for 404; empty for numbers that nobody knows.
std::string_view reason_phrase(int status) noexcept;

}  // namespace modelfloat::server
