#include "modelfloat/store/webdav/connection.h"

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store::webdav {

static constexpr unsigned k_most_redirects = 3;

Connection::Connection(Address address, const StoreSettings& settings)
    : address_(std::move(address)),
      server_(settings.api_url.empty() ? address_.server : http::parse_url(settings.api_url)),
      client_({.ca_file = settings.ca_file}) {
  const std::string url = "webdav:" + address_.text();
  const Credentials& credentials = settings.credentials;
  credentials.check_names({"user", "password", "bearer"}, url);
  if (const auto bearer = credentials.find("bearer"); bearer && !bearer->empty()) {
    bearer_ = crypto::SecretBytes(*bearer);
    login_ = Login::bearer;
  } else if (credentials.has("user")) {
    basic_.user = credentials.require("user", url);
    basic_.password = crypto::SecretBytes(credentials.require("password", url));
    digest_ = basic_;
    digest_.digest = true;
  } else {
    login_ = Login::none;
  }
}

// Asks once, so that no body and no password is sent in vain. Uses Digest if the connection is not
// encrypted, Basic if it is or if nothing else is offered.
Connection::Login Connection::find_login(const std::string& where, const CallOptions& options) {
  http::Request request{
      .method = "PROPFIND", .url = address_of(address_.folder + "/"), .where = where, .headers = {{"Depth", "0"}}};
  const http::Response response = client_.send(request, options);
  bool has_digest = false;
  bool has_basic = false;
  for (const auto& [name, value] : response.headers) {
    if (name != "www-authenticate") continue;
    const std::string words = lower_case(value);
    has_digest = has_digest || words.starts_with("digest") || words.find(", digest ") != std::string::npos;
    has_basic = has_basic || words.starts_with("basic") || words.find(", basic ") != std::string::npos;
  }
  return has_digest && (!is_secure() || !has_basic) ? Login::digest : Login::basic;
}

void Connection::add_login(http::Request& request, const CallOptions& options) {
  Login login = Login::unknown;
  {
    const std::lock_guard lock(mutex_);
    login = login_;
  }
  if (login == Login::unknown) {
    login = find_login(request.where, options);
    const std::lock_guard lock(mutex_);
    login_ = login;
  }
  if (login == Login::bearer)
    request.headers.emplace_back("Authorization", "Bearer " + std::string(as_text(bearer_.bytes())));
  if (login == Login::basic) request.login = &basic_;
  if (login == Login::digest) request.login = &digest_;
}

std::string Connection::redirected(const http::Response& response, std::string_view path,
                                   const std::string& where) const {
  const std::string location(response.header("location").value_or(std::string_view()));
  std::string target;
  try {
    const http::Url url = http::parse_url(location.starts_with('/') ? server_.root() + location : location);
    if (url.root() == server_.root()) target = http::percent_decode(url.path);
  } catch (const Error&) {
    target.clear();
  }
  // Any other target, such as a login page, gets no request and no password.
  const auto plain = [](std::string_view text) { return leaf_of(text.substr(0, text.find_last_not_of('/') + 1)); };
  if (target.empty() || plain(target) != plain(path)) {
    throw Error(ErrorKind::offline, where,
                "the server sends us elsewhere (HTTP status " + std::to_string(response.status) +
                    "): a page to log in, or the store has moved");
  }
  return target;
}

http::Response Connection::send(Request call, const std::string& where, const CallOptions& options,
                                const Deliver& deliver) {
  for (unsigned hop = 0;; ++hop) {
    http::Request request;
    request.method = call.method;
    request.url = address_of(call.path);
    request.where = where;
    request.headers = call.headers;
    request.body = call.body;
    request.on_head = call.on_head;
    request.sink = call.sink;
    add_login(request, options);
    http::Response response = deliver ? deliver(std::move(request)) : client_.send(request, options);
    const bool is_redirect =
        response.status == 301 || response.status == 302 || response.status == 307 || response.status == 308;
    if (!is_redirect || hop == k_most_redirects) return response;
    call.path = redirected(response, call.path, where);
  }
}

}  // namespace modelfloat::store::webdav
