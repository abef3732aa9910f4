#pragma once
// A service account's word for itself: a JSON Web Token signed with its key (RFC 7519, RFC 7523).

#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/crypto/secret.h"

namespace modelfloat::store::drive {

// What the JSON key file of a service account says.
struct ServiceAccount {
  std::string email;
  std::string key_id;
  std::string token_url;
  crypto::SecretBytes private_key;  // PEM
};
// Error{invalid} naming `where` for what is no such file; nothing of it is repeated.
ServiceAccount parse_service_account(std::string_view json, const std::string& where);

// Good for an hour from `now`, signed by RS256. Error{denied} naming `where` when the key is none.
crypto::SecretBytes signed_assertion(const ServiceAccount& account, std::string_view scope, std::string_view audience,
                                     UtcTime now, const std::string& where);

}  // namespace modelfloat::store::drive
