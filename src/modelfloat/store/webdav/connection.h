#pragma once
// Sends calls to a WebDAV server. Finds out which login it wants, and follows redirects to the same
// resource.

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/scheme.h"
#include "modelfloat/store/webdav/address.h"

namespace modelfloat::store::webdav {

// One call, before the login is added. It does not own the bytes of the body.
struct Request {
  std::string method;
  std::string path;  // not encoded; a folder's path ends with a slash
  http::Headers headers = {};
  std::vector<ByteSpan> body = {};
  std::function<void(const http::Response&)> on_head = {};
  std::function<void(ByteSpan)> sink = {};
};

// Any thread may call any method.
class Connection {
 public:
  // Throws Error{denied} when a credential is missing, and Error{invalid} when there is one with an
  // unknown name.
  Connection(Address address, const StoreSettings& settings);

  // Sends the call and returns the answer, whatever its status. Throws like HttpClient::send(), and
  // Error{offline} when a redirect leads to another resource. With `deliver`, that sends the
  // request instead of the client.
  using Deliver = std::function<http::Response(http::Request)>;
  http::Response send(Request call, const std::string& where, const CallOptions& options, const Deliver& deliver = {});

  // The URL of a path that is not encoded.
  std::string address_of(std::string_view path) const { return server_.root() + http::percent_encode(path, true); }
  bool is_secure() const { return server_.scheme == "https"; }
  http::HttpClient& client() { return client_; }

 private:
  enum class Login { unknown, none, basic, digest, bearer };

  void add_login(http::Request& request, const CallOptions& options);
  Login find_login(const std::string& where, const CallOptions& options);
  // The path that a redirect leads to. Throws when it leads to another resource.
  std::string redirected(const http::Response& response, std::string_view path, const std::string& where) const;

  const Address address_;
  const http::Url server_;
  http::BasicLogin basic_;
  http::BasicLogin digest_;
  crypto::SecretBytes bearer_;
  http::HttpClient client_;

  std::mutex mutex_;
  Login login_ = Login::unknown;
};

}  // namespace modelfloat::store::webdav
