#pragma once
// The emulator of Google Drive (tests/servers/drive_emulator.py), and what it can be told.

#include <string>

#include "providers/provider_home.h"
#include <nlohmann/json.hpp>

#include "modelfloat/store/http/http_client.h"

namespace modelfloat::test {

inline constexpr const char* k_drive_variable = "MODELFLOAT_TEST_DRIVE";

class DriveServer {
 public:
  std::string root() const { return server_variable(k_drive_variable).value_or(""); }

  // POST /_control/WHAT
  nlohmann::json control(const std::string& what, const nlohmann::json& value = nlohmann::json::object()) {
    const std::string body = value.dump();
    store::http::Request request;
    request.method = "POST";
    request.url = root() + "/_control/" + what;
    request.where = "control";
    request.body = {as_bytes(body)};
    const auto response = client_.send(request, {});
    if (!response.ok()) throw Error(ErrorKind::internal, what, response.text());
    return nlohmann::json::parse(response.text());
  }

  // What a new account and client need; see the emulator for `wishes`.
  store::StoreSettings new_account(const nlohmann::json& wishes = nlohmann::json::object()) {
    const auto account = control("account", wishes);
    store::StoreSettings settings = addresses();
    for (const char* name : {"client_id", "client_secret", "refresh_token"})
      settings.credentials.set(name, account[name].get<std::string>());
    return settings;
  }
  // A service account that is a member of a new shared drive, whose id is `drive`.
  store::StoreSettings new_service_account(std::string& drive) {
    const auto account = control("service_account");
    drive = control("drive", {{"members", {account["account"]}}})["id"];
    store::StoreSettings settings = addresses();
    settings.credentials.set("service_account", account["key"].dump());
    return settings;
  }
  store::StoreSettings addresses() const {
    store::StoreSettings settings;
    settings.api_url = root();
    settings.token_url = root() + "/token";
    return settings;
  }

  void fault(nlohmann::json plan) { control("faults", nlohmann::json::array({std::move(plan)})); }
  // Forgets the faults, and counts from 0.
  void clear() { control("clear"); }
  std::uint64_t calls(const std::string& name) { return control("seen")["counts"].value(name, std::uint64_t{0}); }
  // How many files of this name the client of these credentials has made, in the trash or not.
  std::uint64_t files_called(const std::string& name, const store::Credentials& credentials) {
    return control("count",
                   {{"name", name}, {"client", std::string(credentials.find("client_id").value_or(""))}})["count"];
  }

 private:
  store::http::HttpClient client_;
};

}  // namespace modelfloat::test
