#include "modelfloat/cli/store_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/expand_home.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/cli/terminal.h"

namespace modelfloat::cli {
namespace {

// Fields that stores accept besides those that they ask for. The names are listed, since
// MODELFLOAT_STORE_A_B_PASSWORD may belong to a store a_b.
constexpr std::array<std::string_view, 16> k_more_fields = {
    "email",           "password",    "totp_secret",    "client_id", "client_secret", "refresh_token",
    "service_account", "access_key",  "secret_key",     "region",    "session_token", "user",
    "bearer",          "pinning_url", "pinning_bearer", "gateway"};

// With one of these, name and password are not needed.
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

std::string find_ca_file(const store::Scheme& scheme, const std::string& file, std::string_view prefix,
                         const Variables& variables) {
  const std::string given = file.empty() ? variables((std::string(prefix) + "CA_FILE").c_str()).value_or("") : file;
  if (given.empty()) return {};
  if (!scheme.no_ca_file.empty()) {
    throw Error(ErrorKind::invalid, "--ca-file",
                fmt::format("is not for {}: stores: {}", scheme.name, scheme.no_ca_file));
  }
  std::error_code error;
  const auto path = std::filesystem::absolute(expand_home(given), error).lexically_normal();
  std::ifstream stream(path, std::ios::binary);
  std::string line;
  bool found = false;
  while (!found && std::getline(stream, line)) {
    found = line.starts_with("-----BEGIN CERTIFICATE-----") || line.starts_with("-----BEGIN TRUSTED CERTIFICATE-----");
  }
  if (found) return path.string();
  if (error || !stream.is_open()) throw Error(ErrorKind::invalid, path.string(), "(--ca-file) cannot be read");
  throw Error(ErrorKind::invalid, path.string(),
              "(--ca-file) has no line that begins with -----BEGIN CERTIFICATE-----: a certificate in PEM is wanted, "
              "without a byte order mark (openssl x509 -inform der -in FILE -out FILE.pem makes one from DER)");
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
                                find_credentials(scheme, options.credentials_file, prefix, variables),
                                find_ca_file(scheme, options.ca_file, prefix, variables)};
  const bool has_file =
      !options.credentials_file.empty() || variables((std::string(prefix) + "CREDENTIALS_FILE").c_str());
  if (dialogue != nullptr) ask_missing(scheme, has_file, settings.credentials, *dialogue);
  return settings;
}

}  // namespace modelfloat::cli
