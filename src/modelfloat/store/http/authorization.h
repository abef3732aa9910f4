#pragma once
// The Authorization header, for servers that are known to need it with the first request.

#include <string_view>

#include "modelfloat/crypto/secret.h"

namespace modelfloat::store::http {

// The value of the Authorization header for Basic (RFC 7617), for requests that carry it as a
// header and not by Request::login.
crypto::SecretBytes basic_authorization(std::string_view user, std::string_view password);

}  // namespace modelfloat::store::http
