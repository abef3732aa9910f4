#pragma once
// The tokens that open Drive for an hour each.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "modelfloat/base/cancel.h"
#include "modelfloat/store/drive/api_error.h"
#include "modelfloat/store/drive/jwt.h"
#include "modelfloat/store/drive/session.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::store::drive {

inline constexpr std::string_view k_file_scope =
    "https://www.googleapis.com/auth/drive.file";  // only what this client made
inline constexpr std::string_view k_full_scope = "https://www.googleapis.com/auth/drive";

// Where tokens are asked for. `token_url` is the whole address; without one it is Google's. The
// other two lie beside it, as with Google's own.
struct OAuthAddresses {
  std::string token;
  std::string device_code;
  std::string authorization;
};
OAuthAddresses oauth_addresses(const std::string& token_url);

// A POST of a form to one of them.
http::Response post_form(http::HttpClient& client, const std::string& url, const http::Fields& fields,
                         const std::string& where, const CallOptions& options);
// The token in a good answer. Error{transient} for an answer that has none.
AccessToken token_from(const http::Response& response, const std::string& where, UtcTime now);

// Shared by all threads: one of them asks for a new token, the others wait for it. What the
// references stand for outlives this.
class AccessTokens {
 public:
  // Error{denied} when the credentials have neither a refresh token with its client nor a service
  // account.
  AccessTokens(const StoreSettings& settings, Session& session, http::HttpClient& client, Clock& clock,
               Backoff& backoff, std::string where);

  // A token that is good for a while yet. Error{denied} when the login has ended.
  crypto::SecretBytes get(const CallOptions& options);
  // The server does not take this one, so the next get() asks for another.
  void reject(const crypto::SecretBytes& token);

 private:
  bool is_good_locked() const;
  AccessToken fetch(const CallOptions& options);
  http::Fields grant() const;

  Session& session_;
  http::HttpClient& client_;
  Clock& clock_;
  Backoff& backoff_;
  const std::string where_;
  Credentials credentials_;
  std::optional<ServiceAccount> service_account_;
  std::string token_url_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<AccessToken> token_;
  bool asking_ = false;
};

}  // namespace modelfloat::store::drive
