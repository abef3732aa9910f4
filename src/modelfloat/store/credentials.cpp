#include "modelfloat/store/credentials.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"

namespace modelfloat::store {

Credentials Credentials::parse(ByteSpan json, const std::string& where) {
  // The parser's message would quote the secret, so it is not used.
  const auto parsed = nlohmann::json::parse(as_text(json), nullptr, false);
  if (!parsed.is_object())
    throw Error(ErrorKind::invalid, where,
                "credentials are a JSON object, such as {\"user\": \"…\", \"password\": \"…\"}");
  Credentials credentials;
  for (const auto& [name, value] : parsed.items()) {
    if (value.is_string()) {
      credentials.set(name, value.get_ref<const std::string&>());
    } else if (value.is_object()) {
      credentials.set(name, value.dump());
    } else {
      throw Error(ErrorKind::invalid, where, "the value of \"" + name + "\" is no string");
    }
  }
  return credentials;
}

crypto::SecretBytes Credentials::to_json() const {
  auto json = nlohmann::json::object();
  for (const auto& [name, value] : values_) json[name] = as_text(value.bytes());
  return crypto::SecretBytes(std::string_view(json.dump()));
}

std::optional<std::string_view> Credentials::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return as_text(found->second.bytes());
}

std::string_view Credentials::require(std::string_view name, const std::string& where) const {
  const auto value = find(name);
  if (value && !value->empty()) return *value;
  throw Error(ErrorKind::denied, where,
              "its credentials lack \"" + std::string(name) + "\": give them by --credentials-file");
}

void Credentials::set(std::string_view name, std::string_view value) {
  values_.insert_or_assign(std::string(name), crypto::SecretBytes(value));
}

std::string Credentials::extract(std::string_view name) {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  std::string value(as_text(found->second.bytes()));
  values_.erase(found);
  return value;
}

void Credentials::check_names(std::initializer_list<std::string_view> known, const std::string& where) const {
  for (const auto& [name, value] : values_) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(ErrorKind::invalid, where,
                  "its credentials have \"" + name + "\", which this kind of store does not know");
    }
  }
}

}  // namespace modelfloat::store
