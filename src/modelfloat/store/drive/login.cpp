#include "modelfloat/store/drive/login.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/drive/access_tokens.h"
#include "modelfloat/store/drive/json_text.h"
#include "modelfloat/store/drive/loopback.h"

namespace modelfloat::store::drive {
namespace {

using nlohmann::json;

constexpr std::string_view k_device_grant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::chrono::seconds k_slower{5};  // RFC 8628, 3.5
constexpr std::uint64_t k_longest_interval_seconds = 60;
constexpr std::uint64_t k_longest_wait_seconds = 3600;

// The settings and interfaces that a login uses.
struct Login {
  StoreSettings& settings;
  const StoreContext& context;
  Dialogue& dialogue;
  const std::string& where;
  const CallOptions& options;
  OAuthAddresses addresses;
  http::HttpClient client;
  Backoff backoff;

  std::string credential(const char* name) const { return std::string(settings.credentials.require(name, where)); }
  http::Response post(const std::string& url, const http::Fields& fields) {
    return post_form(client, url, fields, where, options);
  }
  Error refused(const http::Response& response) {
    return token_error(response, where, backoff, context.clock.utc_now());
  }
};

std::uint64_t number(const json& object, const char* name, std::uint64_t otherwise, std::uint64_t most) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? std::min(found->get<std::uint64_t>(), most) : otherwise;
}

// Stores the refresh token in the answer to either flow. Requires that the user granted access to
// files.
void accept(Login& login, const http::Response& response) {
  const json body = json::parse(response.text(), nullptr, false);
  const std::string token = text(body, "refresh_token");
  if (token.empty()) throw Error(ErrorKind::transient, login.where, "the login gave no refresh token");
  const std::string scope = text(body, "scope");
  if (!scope.empty() && scope.find(k_file_scope) == std::string::npos &&
      scope.find(k_full_scope) == std::string::npos) {
    throw Error(ErrorKind::denied, login.where,
                "the login does not include Drive's files: log in again and leave that box ticked");
  }
  login.settings.credentials.set("refresh_token", token);
}

// Polls until the user has answered.
void wait_for_device(Login& login, const std::string& device_code, Milliseconds interval, Milliseconds lifetime) {
  Clock& clock = login.context.clock;
  const SteadyTime end = clock.steady_now() + lifetime;
  while (clock.steady_now() < end) {
    clock.sleep_for(interval, login.options.stop);
    check_cancelled(login.options, login.where);
    const http::Response response =
        login.post(login.addresses.token, {{"client_id", login.credential("client_id")},
                                           {"client_secret", login.credential("client_secret")},
                                           {"device_code", device_code},
                                           {"grant_type", std::string(k_device_grant)}});
    if (response.ok()) return accept(login, response);
    const std::string error = token_refusal(response).error;
    if (error == "slow_down") {
      interval += k_slower;
    } else if (error == "access_denied") {
      throw Error(ErrorKind::denied, login.where, "the login was refused");
    } else if (error == "expired_token") {
      break;
    } else if (error != "authorization_pending") {
      Error failure = login.refused(response);
      // Temporary errors are waited out, too.
      if (!worth_retrying(failure.kind)) throw failure;
    }
  }
  throw Error(ErrorKind::denied, login.where, "nobody typed in the code in time: log in again");
}

// Logs in by a code. Returns false when the client is of the wrong type for that.
bool by_device(Login& login) {
  const http::Response response = login.post(login.addresses.device_code, {{"client_id", login.credential("client_id")},
                                                                           {"scope", std::string(k_file_scope)}});
  if (!response.ok()) {
    const auto [error, description] = token_refusal(response);
    const bool wrong_type = error == "unauthorized_client" ||
                            (error == "invalid_client" && description.find("client type") != std::string::npos);
    if (wrong_type) return false;
    throw login.refused(response);
  }
  const json body = json::parse(response.text(), nullptr, false);
  const std::string code = text(body, "device_code");
  const std::string user_code = text(body, "user_code");
  std::string address = text(body, "verification_url");
  // This is the name in RFC 8628; Google uses the other one.
  if (address.empty()) address = text(body, "verification_uri");
  if (code.empty() || user_code.empty() || address.empty())
    throw Error(ErrorKind::transient, login.where, "the answer to a request for a code has none in it");
  login.dialogue.tell("On any device, open " + address + " and type in the code " + user_code);
  wait_for_device(login, code, std::chrono::seconds(number(body, "interval", 5, k_longest_interval_seconds)),
                  std::chrono::seconds(number(body, "expires_in", 1800, k_longest_wait_seconds)));
  return true;
}

void by_browser(Login& login) {
  LoopbackListener listener;
  const std::string verifier = to_base64url(login.context.random.array<32>());
  const std::string state = to_base64url(login.context.random.array<16>());
  const std::string redirect = listener.redirect_uri();
  const std::string port = std::to_string(listener.port());
  const http::Fields question = {{"client_id", login.credential("client_id")},
                                 {"redirect_uri", redirect},
                                 {"response_type", "code"},
                                 {"scope", std::string(k_file_scope)},
                                 {"code_challenge", to_base64url(crypto::sha256(as_bytes(verifier)))},
                                 {"code_challenge_method", "S256"},
                                 {"state", state},
                                 {"access_type", "offline"},
                                 {"prompt", "consent"}};
  login.dialogue.tell("Open this address in a browser on this machine and allow access:\n\n" +
                      login.addresses.authorization + "?" + http::encode_form(question) +
                      "\n\nFrom another machine, first forward the port: ssh -L " + port + ":127.0.0.1:" + port +
                      " THIS-MACHINE");
  const std::string code = listener.wait_for_code(state, login.where, login.options);
  const http::Response response =
      login.post(login.addresses.token, {{"client_id", login.credential("client_id")},
                                         {"client_secret", login.credential("client_secret")},
                                         {"code", code},
                                         {"code_verifier", verifier},
                                         {"redirect_uri", redirect},
                                         {"grant_type", "authorization_code"}});
  if (!response.ok()) throw login.refused(response);
  accept(login, response);
}

}  // namespace

void log_in(StoreSettings& settings, const StoreContext& context, Dialogue& dialogue, const std::string& where,
            const CallOptions& options) {
  Login login{settings,
              context,
              dialogue,
              where,
              options,
              oauth_addresses(settings.token_url),
              http::HttpClient({.ca_file = settings.ca_file}),
              Backoff(context.clock)};
  if (!by_device(login)) by_browser(login);
}

}  // namespace modelfloat::store::drive
