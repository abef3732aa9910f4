#include "modelfloat/store/http/authorization.h"

#include <string>

#include "modelfloat/base/hex.h"

namespace modelfloat::store::http {

crypto::SecretBytes basic_authorization(std::string_view user, std::string_view password) {
  Bytes login = to_bytes(user);
  append(login, as_bytes(":"));
  append(login, as_bytes(password));
  const crypto::SecretBytes plain(std::move(login));
  return crypto::SecretBytes(std::string_view("Basic " + to_base64(plain.bytes())));
}

}  // namespace modelfloat::store::http
