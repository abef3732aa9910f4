#pragma once
// The computations of a login. They do no I/O. Errors name `where` and contain no secret.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/mega/cipher.h"

namespace modelfloat::store::mega {

// The keys derived from a password: one that encrypts the account's master key, and a proof for the
// server that we know the password.
struct PasswordKeys {
  crypto::SecretBytes key;
  std::string proof;
};

// Accounts made before 2018 (version 1): AES in a loop. Letters beyond Latin-1 are changed as
// MEGA's JavaScript does it.
PasswordKeys password_keys_v1(std::string_view email, std::string_view password);
// All others (version 2): PBKDF2. The password's bytes are taken as they are.
PasswordKeys password_keys_v2(std::string_view password, ByteSpan salt);

// Decrypts the session id, which the server encrypted for the account's RSA key. `private_key` is
// that key as the server stores it, `user` the account's handle, which the id must contain. Throws
// Error{denied} when the key cannot be decrypted (wrong password), and Error{corrupt} when the
// answer is invalid.
std::string open_session(ByteSpan challenge, ByteSpan private_key, ByteSpan master_key, std::string_view user,
                         const std::string& where);

// The code of an authenticator app (RFC 6238, SHA-1, 30 s, 6 digits). Spaces and the case of
// letters in the secret are ignored. Throws Error{invalid} when the secret is no base32.
std::string totp_code(std::string_view secret, UtcTime now, const std::string& where);

}  // namespace modelfloat::store::mega
