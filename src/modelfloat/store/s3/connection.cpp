#include "modelfloat/store/s3/connection.h"

#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/http/status.h"
#include "modelfloat/store/s3/reply.h"

namespace modelfloat::store::s3 {

static constexpr Milliseconds k_skew{5 * 60'000};  // Amazon refuses 15 minutes

Connection::Connection(Address address, const StoreSettings& settings, const StoreContext& context)
    : address_(std::move(address)),
      virtual_(settings.api_url.empty() && address_.is_virtual()),
      context_(context),
      client_({.ca_file = settings.ca_file}) {
  const std::string url = "s3:" + address_.text();
  settings.credentials.check_names({"access_key", "secret_key", "region", "session_token"}, url);
  keys_.access_key = settings.credentials.require("access_key", url);
  keys_.secret_key = crypto::SecretBytes(settings.credentials.require("secret_key", url));
  if (const auto token = settings.credentials.find("session_token")) keys_.session_token = crypto::SecretBytes(*token);
  endpoint_.server = settings.api_url.empty() ? address_.server : http::parse_url(settings.api_url);
  endpoint_.region = settings.credentials.find("region").value_or(address_.region);
  if (endpoint_.region.empty()) endpoint_.region = address_.region;
}

http::Response Connection::send(const Request& request, const std::string& where, const CallOptions& options) {
  return send(request, where, options,
              [&](const http::Request& signed_one) { return client_.send(signed_one, options); });
}

http::Request Connection::sign(const Request& call, const Endpoint& at, const std::string& where) const {
  http::Url server = at.server;
  if (virtual_) server.host = address_.bucket + "." + server.host;
  Call to_sign{call.method,
               server.authority(),
               virtual_ ? "/" : "/" + address_.bucket,
               canonical_query(call.query),
               call.headers,
               {}};
  if (!call.key.empty()) to_sign.path += (virtual_ ? "" : "/") + http::percent_encode(call.key, true);
  static const Hash256 k_nothing = crypto::sha256({});
  to_sign.body_sha256 = call.body_sha256.value_or(k_nothing);
  http::Request request;
  request.method = call.method;
  request.url = server.root() + to_sign.path + (to_sign.query.empty() ? "" : "?" + to_sign.query);
  request.where = where;
  request.headers = signed_headers(to_sign, keys_, at.region, context_.clock.utc_now() + at.clock_skew);
  request.body = call.body;
  request.has_body = call.has_body;
  request.max_answer_bytes = call.max_answer_bytes;
  return request;
}

bool Connection::learn(const http::Response& response, const Endpoint& used, bool is_head) {
  if (response.status < 300 || response.status >= 500 || response.status == 404 || response.status == 412) return false;
  const Trouble trouble = read_trouble(response);
  std::string region(response.header("x-amz-bucket-region").value_or(trouble.region));
  if (region.size() > 64 || region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
    region.clear();
  const std::lock_guard lock(mutex_);
  if (!region.empty() && region != used.region) {
    endpoint_.region = region;
    if (address_.is_amazon() && virtual_) endpoint_.server.host = amazon_host(region);
    return true;
  }
  if (response.status != 403 || (trouble.code != "RequestTimeTooSkewed" && !(is_head && trouble.code.empty())))
    return false;
  const auto date = http::date(response);
  if (!date) return false;
  const auto skew = *date - context_.clock.utc_now();
  if (std::chrono::abs(skew - used.clock_skew) < k_skew) return false;
  endpoint_.clock_skew = skew;
  return true;
}

}  // namespace modelfloat::store::s3
