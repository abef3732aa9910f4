#pragma once
// How a service account proves who it is: a JSON Web Token signed with its key (RFC 7519, RFC
// 7523).

#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/crypto/secret.h"

namespace modelfloat::store::drive {

// The content of a service account's JSON key file.
struct ServiceAccount {
  std::string email;
  std::string key_id;
  std::string token_url;
  crypto::SecretBytes private_key;  // PEM
};
// Throws Error{invalid} naming `where` when it is no such file. The message quotes nothing of it.
ServiceAccount parse_service_account(std::string_view json, const std::string& where);

// Returns a token that is valid for an hour from `now`, signed by RS256. Throws Error{denied}
// naming `where` when the key is not valid.
crypto::SecretBytes signed_assertion(const ServiceAccount& account, std::string_view scope, std::string_view audience,
                                     UtcTime now, const std::string& where);

}  // namespace modelfloat::store::drive
