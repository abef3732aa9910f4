#include "modelfloat/store/drive/access_tokens.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace modelfloat::store::drive {
namespace {

constexpr std::string_view k_google_token_url = "https://oauth2.googleapis.com/token";
constexpr std::string_view k_google_authorization_url = "https://accounts.google.com/o/oauth2/v2/auth";
constexpr std::chrono::seconds k_margin{60};  // a token that expires sooner is not used
constexpr std::uint64_t k_longest_lifetime_seconds = std::uint64_t{24} * 3600;
constexpr Milliseconds k_look_around{1000};  // while another thread requests a token

}  // namespace

OAuthAddresses oauth_addresses(const std::string& token_url) {
  if (token_url.empty())
    return {std::string(k_google_token_url), "https://oauth2.googleapis.com/device/code",
            std::string(k_google_authorization_url)};
  const http::Url url = http::parse_url(token_url);
  const std::string beside = url.root() + url.path.substr(0, url.path.rfind('/') + 1);
  const std::string base = beside.ends_with('/') ? beside : beside + "/";
  return {token_url, base + "device/code", base + "auth"};
}

http::Response post_form(http::HttpClient& client, const std::string& url, const http::Fields& fields,
                         const std::string& where, const CallOptions& options) {
  const std::string body = http::encode_form(fields);
  http::Request request;
  request.method = "POST";
  request.url = url;
  request.where = where;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = {as_bytes(body)};
  return client.send(request, options);
}

AccessToken token_from(const http::Response& response, const std::string& where, UtcTime now) {
  const auto body = nlohmann::json::parse(response.text(), nullptr, false);
  if (!body.is_object() || !body.contains("access_token") || !body["access_token"].is_string()) {
    throw Error(ErrorKind::transient, where, "the answer to a request for an access token has none in it");
  }
  std::uint64_t seconds = 3600;
  if (body.contains("expires_in") && body["expires_in"].is_number_unsigned()) {
    seconds = std::min(body["expires_in"].get<std::uint64_t>(), k_longest_lifetime_seconds);
  }
  return {crypto::SecretBytes(std::string_view(body["access_token"].get_ref<const std::string&>())),
          now + std::chrono::seconds(seconds)};
}

AccessTokens::AccessTokens(const StoreSettings& settings, Session& session, http::HttpClient& client, Clock& clock,
                           Backoff& backoff, std::string where)
    : session_(session),
      client_(client),
      clock_(clock),
      backoff_(backoff),
      where_(std::move(where)),
      credentials_(settings.credentials),
      token_url_(oauth_addresses(settings.token_url).token),
      token_(session.token()) {
  if (const auto account = credentials_.find("service_account")) {
    service_account_ = parse_service_account(*account, where_);
    if (settings.token_url.empty()) token_url_ = service_account_->token_url;
  } else {
    for (const char* name : {"client_id", "client_secret", "refresh_token"}) credentials_.require(name, where_);
  }
}

bool AccessTokens::is_good_locked() const { return token_ && clock_.utc_now() + k_margin < token_->expires; }

crypto::SecretBytes AccessTokens::get(const CallOptions& options) {
  std::unique_lock lock(mutex_);
  while (!is_good_locked() && asking_) {
    changed_.wait_for(lock, options.stop, k_look_around, [&] { return is_good_locked() || !asking_; });
    check_cancelled(options, where_);
  }
  if (is_good_locked()) return token_->value;
  asking_ = true;
  lock.unlock();
  struct Finish {
    AccessTokens& tokens;
    ~Finish() {
      const std::lock_guard finished(tokens.mutex_);
      tokens.asking_ = false;
      tokens.changed_.notify_all();
    }
  } const finish{*this};
  const AccessToken fresh = fetch(options);
  lock.lock();
  token_ = fresh;
  lock.unlock();
  session_.set_token(fresh);
  return fresh.value;
}

void AccessTokens::reject(const crypto::SecretBytes& token) {
  const std::lock_guard lock(mutex_);
  if (token_ && token_->value == token) token_.reset();
}

http::Fields AccessTokens::grant() const {
  if (service_account_) {
    // A service account sees only what was shared with it, so the wide scope gives it no more
    // access. With the narrow scope it would not find the shared drive.
    const auto assertion = signed_assertion(*service_account_, k_full_scope, token_url_, clock_.utc_now(), where_);
    return {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
            {"assertion", std::string(as_text(assertion.bytes()))}};
  }
  return {{"grant_type", "refresh_token"},
          {"client_id", std::string(credentials_.require("client_id", where_))},
          {"client_secret", std::string(credentials_.require("client_secret", where_))},
          {"refresh_token", std::string(credentials_.require("refresh_token", where_))}};
}

AccessToken AccessTokens::fetch(const CallOptions& options) {
  const http::Response response = post_form(client_, token_url_, grant(), where_, options);
  if (!response.ok()) throw token_error(response, where_, backoff_, clock_.utc_now());
  return token_from(response, where_, clock_.utc_now());
}

}  // namespace modelfloat::store::drive
