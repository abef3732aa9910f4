#pragma once
// The emulator of MEGA that tests/servers/mega.py starts: its accounts, and what it is told to do
// wrong.

#include <memory>
#include <string>
#include <string_view>

#include "providers/provider_home.h"
#include "support/fake_clock.h"
#include <nlohmann/json.hpp>

#include "modelfloat/store/http/http_client.h"

namespace modelfloat::test::mega {

constexpr const char* k_variable = "MODELFLOAT_TEST_MEGA";
constexpr std::string_view k_password = "correct horse battery staple";
constexpr std::string_view k_totp_secret = "JBSWY3DPEHPK3PXP";

inline store::StoreSettings settings_of(std::string_view email, std::string_view totp_secret = {}) {
  store::StoreSettings settings;
  settings.api_url = server_variable(k_variable).value_or("");
  settings.credentials.set("email", email);
  settings.credentials.set("password", k_password);
  if (!totp_secret.empty()) settings.credentials.set("totp_secret", totp_secret);
  return settings;
}

// What the emulator is told, and what it answers.
inline nlohmann::json control(const nlohmann::json& what) {
  const std::string body = what.dump();
  store::http::Request request;
  request.method = "POST";
  request.url = server_variable(k_variable).value() + "/_control";
  request.where = "the emulator's control";
  request.body = {as_bytes(body)};
  return nlohmann::json::parse(store::http::HttpClient().send(request, {}).text());
}

// The next calls go wrong in these ways; the counts start anew.
inline void plan(const nlohmann::json& faults) { control({{"do", "plan"}, {"faults", faults}}); }
// How often a call came since the last plan.
inline std::uint64_t count(const std::string& call) {
  return control({{"do", "counts"}}).value(call, std::uint64_t{0});
}

// An account that no other test has.
inline std::string make_account(nlohmann::json more = nlohmann::json::object()) {
  const std::string email = fresh_name() + "@example.com";
  more.update({{"do", "account"}, {"email", email}, {"password", k_password}});
  control(more);
  return email;
}

// A place whose time stands still, so that nothing waits in truth.
class StillPlace {
 public:
  explicit StillPlace(store::StoreSettings settings, std::string url = "mega:/" + fresh_name())
      : url_(std::move(url)), settings_(std::move(settings)) {}

  // As `store add` does it.
  void prepare() {
    ListeningDialogue dialogue;
    store::prepare_new_store(url_, settings_, context(), dialogue, {});
  }
  std::unique_ptr<store::Store> open() { return store::make_store(url_, settings_, context()); }
  store::StoreContext context() { return {clock_, random_, vault_}; }
  FakeClock& clock() noexcept { return clock_; }
  const std::string& url() const noexcept { return url_; }

 private:
  const std::string url_;
  store::StoreSettings settings_;
  FakeClock clock_{std::chrono::time_point_cast<Milliseconds>(
      std::chrono::system_clock::now())};  // the server looks at a code's time
  SystemRandom random_;
  store::MemoryVault vault_;
};

}  // namespace modelfloat::test::mega
