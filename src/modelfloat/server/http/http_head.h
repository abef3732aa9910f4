#pragma once
// The head of a request, read strictly. Pure: bytes in, values out.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/server/http/host_list.h"
#include "modelfloat/server/http/http.h"
#include "modelfloat/server/http/http_limits.h"

namespace modelfloat::server {

struct RequestHead {
  Request request;  // method, path, query, headers, content_length
  // By which names the client calls the server: the host of an absolute address in the request
  // line, and Host. Empty for an HTTP/1.0 request with neither.
  std::vector<Authority> called;
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_1 = true;
  bool expects_continue = false;
};

// Parses a head. `head` ends with the empty line after the fields. Whatever two parsers could
// understand differently is refused: bare CR or LF, folded lines, duplicate lengths, a length
// together with a coding, codings other than "chunked", and a duplicate Host. So is a Host that
// is not a host, or that is missing in HTTP/1.1. The target "*" of OPTIONS is the path {"*"}.
// Throws HttpError.
RequestHead parse_head(std::string_view head, std::size_t max_fields);

// Finds the heads in the bytes that a connection receives. Used by one thread.
class HeadFinder {
 public:
  // `limits` must outlive it.
  explicit HeadFinder(const HttpLimits& limits) : limits_(limits) {}

  // Removes the head from the front of `received` and returns it; nullopt while it is not
  // complete. Throws HttpError for bytes that are not HTTP and for a head beyond the limits, and
  // what parse_head() throws. Then the connection must be closed.
  std::optional<RequestHead> take(std::string& received);

 private:
  const HttpLimits& limits_;
  std::size_t searched_ = 0;  // so many bytes have no end of a head in them
};

// Throws HttpError{403} when the request calls the server by a name that is not allowed, or comes
// from a page of another site. `local_address` is the address that the connection came to.
void check_called(const RequestHead& head, const HostList& hosts, std::string_view local_address);

// Percent-decodes once, segment by segment: "/a/b%2Fc" is {"a", "b/c"}. Throws HttpError{400} for a
// target that does not begin with '/', for a bad escape, and where a segment is "." or "..", holds
// a control character or is not UTF-8.
std::vector<std::string> decode_path(std::string_view path);
// "a=b+c&d" is {{"a", "b c"}, {"d", ""}}; at most 100 of them.
std::vector<std::pair<std::string, std::string>> decode_query(std::string_view query);
// nullopt for an invalid escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

}  // namespace modelfloat::server
