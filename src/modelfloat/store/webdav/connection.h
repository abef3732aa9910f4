#pragma once
// The way to a WebDAV server: finds out which login it wants, and follows redirects that lead to
// the same thing.

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/scheme.h"
#include "modelfloat/store/webdav/address.h"

namespace modelfloat::store::webdav {

// One call, before the login is added. The bytes of the body stay the caller's.
struct Request {
  std::string method;
  std::string path;  // plain; a folder's ends in a slash
  http::Headers headers = {};
  std::vector<ByteSpan> body = {};
  std::function<void(const http::Response&)> on_head = {};
  std::function<void(ByteSpan)> sink = {};
};

// May be used by several threads at once.
class Connection {
 public:
  // Error{denied} when a credential is missing, Error{invalid} when there is one of an unknown
  // name.
  Connection(Address address, const StoreSettings& settings);

  // Any answer, also one that says no; Error as HttpClient gives it, and Error{offline} when a
  // redirect leads elsewhere. With `deliver`, it sends instead of the client.
  using Deliver = std::function<http::Response(http::Request)>;
  http::Response send(Request call, const std::string& where, const CallOptions& options, const Deliver& deliver = {});

  // The URL of a plain path.
  std::string address_of(std::string_view path) const { return server_.root() + http::percent_encode(path, true); }
  bool is_secure() const { return server_.scheme == "https"; }
  http::HttpClient& client() { return client_; }

 private:
  enum class Login { unknown, none, basic, digest, bearer };

  void add_login(http::Request& request, const CallOptions& options);
  Login find_login(const std::string& where, const CallOptions& options);
  // The path that a redirect leads to; throws when it leads to something else.
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
