#pragma once
// The computations of a login. They take nothing from the network and give nothing to it. Errors
// name `where` and hold no secret.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/mega/cipher.h"

namespace modelfloat::store::mega {

// What a password becomes: the key that the account's master key is encrypted under, and what
// proves to the server that we know it.
struct PasswordKeys {
  crypto::SecretBytes key;
  std::string proof;
};

// Accounts made before 2018 (version 1): AES in a loop. Letters beyond Latin-1 are folded as MEGA's
// JavaScript did.
PasswordKeys password_keys_v1(std::string_view email, std::string_view password);
// All others (version 2): PBKDF2. The password's bytes are taken as they are.
PasswordKeys password_keys_v2(std::string_view password, ByteSpan salt);

// The session id that the server encrypted for the account's RSA key. `private_key` is that key as
// the server keeps it, `user` the account's handle, which the id must name. Error{denied} when the
// key does not open (wrong password), Error{corrupt} when the answer makes no sense.
std::string open_session(ByteSpan challenge, ByteSpan private_key, ByteSpan master_key, std::string_view user,
                         const std::string& where);

// The code of an authenticator app (RFC 6238, SHA-1, 30 s, 6 digits). Blanks in the secret and its
// case don't matter. Error{invalid} when it is no base32.
std::string totp_code(std::string_view secret, UtcTime now, const std::string& where);

}  // namespace modelfloat::store::mega
