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
  // How the client calls the server: by the host of a whole address in the request line, and by
  // Host. Empty where HTTP/1.0 says neither.
  std::vector<Authority> called;
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_1 = true;
  bool expects_continue = false;
};

// `head` reaches to the end of the empty line behind the fields. What two readers could understand
// differently is refused: bare CR or LF, folded lines, both or doubled lengths, codings other than
// "chunked", a doubled Host. So is a Host that is no host, or that is missing in HTTP/1.1. The
// target "*" of OPTIONS is the path {"*"}. Throws HttpError.
RequestHead parse_head(std::string_view head, std::size_t max_fields);

// Takes heads off the bytes that a connection receives. Used by one thread.
class HeadFinder {
 public:
  // `limits` outlives it.
  explicit HeadFinder(const HttpLimits& limits) : limits_(limits) {}

  // Takes the head at the beginning of `received` out and returns it; nullopt while it is not
  // complete. Throws HttpError for what is no HTTP, for a head beyond the limits, and what
  // parse_head() throws; then the connection is of no use any more.
  std::optional<RequestHead> take(std::string& received);

 private:
  const HttpLimits& limits_;
  std::size_t searched_ = 0;  // so many bytes have no end of a head in them
};

// Throws HttpError{403} where the request calls the server by a name that is not allowed, or comes
// from a page of another site. `local_address` is the address that the connection came to.
void check_called(const RequestHead& head, const HostList& hosts, std::string_view local_address);

// Percent-decodes once, segment by segment: "/a/b%2Fc" is {"a", "b/c"}. Throws HttpError{400} for a
// target that does not begin with '/', for a bad escape, and where a segment is "." or "..", holds
// a control character or is not UTF-8.
std::vector<std::string> decode_path(std::string_view path);
// "a=b+c&d" is {{"a", "b c"}, {"d", ""}}; at most 100 of them.
std::vector<std::pair<std::string, std::string>> decode_query(std::string_view query);
// Nothing for a bad escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

}  // namespace modelfloat::server
