#pragma once
// Access tokens for Drive. Each is valid for about an hour.

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
    "https://www.googleapis.com/auth/drive.file";  // only files that this client made
inline constexpr std::string_view k_full_scope = "https://www.googleapis.com/auth/drive";

// The addresses for logging in. `token_url` is the full URL for tokens; empty: Google's. The other
// two are derived from it, as their paths are beside Google's own.
struct OAuthAddresses {
  std::string token;
  std::string device_code;
  std::string authorization;
};
OAuthAddresses oauth_addresses(const std::string& token_url);

// Sends a form to one of these addresses by POST.
http::Response post_form(http::HttpClient& client, const std::string& url, const http::Fields& fields,
                         const std::string& where, const CallOptions& options);
// Returns the token in a successful answer. Throws Error{transient} for an answer without one.
AccessToken token_from(const http::Response& response, const std::string& where, UtcTime now);

// Any thread may call any method. One of them requests a new token while the others wait for it.
// What the references refer to outlives this.
class AccessTokens {
 public:
  // Error{denied} when the credentials have neither a refresh token with its client nor a service
  // account.
  AccessTokens(const StoreSettings& settings, Session& session, http::HttpClient& client, Clock& clock,
               Backoff& backoff, std::string where);

  // Returns a token that is valid for some time yet; requests one if needed. Throws Error{denied}
  // when the login has expired.
  crypto::SecretBytes get(const CallOptions& options);
  // The server has refused this token: the next get() requests another one.
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
