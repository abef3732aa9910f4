#pragma once
// Reads the secret that opens the pool, from a key file, a passphrase file or the terminal. Also
// reads the credentials of stores.

#include <filesystem>
#include <stop_token>
#include <string>

#include "modelfloat/base/random.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/mf1/maintenance_key.h"
#include "modelfloat/mf1/slot.h"
#include "modelfloat/store/credentials.h"

namespace modelfloat::cli {

// The functions that read a file throw Error{not_found} or Error{denied} as the file system
// reports, and Error{invalid} when the content is not such a secret. They warn when other users can
// read a key file.
mf1::SlotSecret read_key_file(const std::filesystem::path& file);
mf1::SlotSecret read_passphrase_file(const std::filesystem::path& file);
mf1::SlotSecret read_recovery_code_file(const std::filesystem::path& file);

// Reads a JSON object: the file of --credentials-file.
store::Credentials read_credentials_file(const std::filesystem::path& file);

// Throws Error{unsupported} for a maintenance key of another version, else as the functions above.
mf1::MaintenanceKey read_maintenance_key_file(const std::filesystem::path& file);

// Writes a text to a new file that only its owner can read, and syncs it with its folder. Where the
// file system can do that, the file appears whole or not at all, also when the program is killed.
// Throws Error{invalid} when the file exists, and leaves none behind when it throws.
void make_secret_file(const std::filesystem::path& file, const crypto::SecretBytes& text);

// Writes a new key to a file, as make_secret_file() does.
void make_key_file(const std::filesystem::path& file, Random& random);

// Asks for a passphrase on the terminal without echo. Throws Error{denied} when there is no
// terminal, and Error{cancelled} on a stop.
mf1::SlotSecret ask_passphrase(const std::stop_token& stop);

}  // namespace modelfloat::cli
