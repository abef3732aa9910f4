#pragma once
// The header that a server which is known to want it gets with the first request.

#include <string_view>

#include "modelfloat/crypto/secret.h"

namespace modelfloat::store::http {

// The value of Authorization for Basic (RFC 7617). Request::login waits for the server to ask,
// which costs a request, and the body twice.
crypto::SecretBytes basic_authorization(std::string_view user, std::string_view password);

}  // namespace modelfloat::store::http
