#include "modelfloat/cli/store_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "modelfloat/cli/secrets.h"
#include "modelfloat/cli/terminal.h"

namespace modelfloat::cli {
namespace {

// What kinds of stores take besides the fields that they ask for. A list, since MODELFLOAT_STORE_A_B_PASSWORD may be store a_b's.
constexpr std::array<std::string_view, 16> k_more_fields = {
    "email",           "password",    "totp_secret",    "client_id", "client_secret", "refresh_token",
    "service_account", "access_key",  "secret_key",     "region",    "session_token", "user",
    "bearer",          "pinning_url", "pinning_bearer", "gateway"};

// Who has one of these needs no name and password.
constexpr std::array<std::string_view, 3> k_instead_of_fields = {"bearer", "refresh_token", "service_account"};

std::string upper(std::string_view text) {
  std::string result;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    result += byte < 0x80 && std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return result;
}

}  // namespace

std::string variable_prefix(std::string_view store_name) { return "MODELFLOAT_STORE_" + upper(store_name) + "_"; }

store::Credentials find_credentials(const store::Scheme& scheme, const std::string& file, std::string_view prefix,
                                    const Variables& variables) {
  const auto variable = [&](std::string_view field) { return variables((std::string(prefix) + upper(field)).c_str()); };
  store::Credentials credentials;
  if (const auto path = file.empty() ? variable("credentials_file") : std::optional(file))
    credentials = read_credentials_file(*path);
  std::set<std::string_view> fields(k_more_fields.begin(), k_more_fields.end());
  for (const auto& field : scheme.credential_fields) fields.insert(field.name);
  for (const std::string_view field : fields) {
    if (const auto value = variable(field)) credentials.set(field, *value);
  }
  return credentials;
}

void ask_missing(const store::Scheme& scheme, bool has_file, store::Credentials& credentials,
                 store::Dialogue& dialogue) {
  if (has_file || !has_terminal()) return;
  if (std::any_of(k_instead_of_fields.begin(), k_instead_of_fields.end(),
                  [&](std::string_view name) { return credentials.has(name); }))
    return;
  for (const auto& field : scheme.credential_fields) {
    if (credentials.has(field.name)) continue;
    const std::string answer = dialogue.ask(std::string(field.prompt) + ": ", field.secret);
    if (!answer.empty()) credentials.set(field.name, answer);
  }
}

store::StoreSettings settings_from(const store::Scheme& scheme, const StoreOptions& options, std::string_view prefix,
                                   const Variables& variables, store::Dialogue* dialogue) {
  store::StoreSettings settings{options.api_url, options.token_url,
                                find_credentials(scheme, options.credentials_file, prefix, variables)};
  const bool has_file =
      !options.credentials_file.empty() || variables((std::string(prefix) + "CREDENTIALS_FILE").c_str());
  if (dialogue != nullptr) ask_missing(scheme, has_file, settings.credentials, *dialogue);
  return settings;
}

}  // namespace modelfloat::cli
