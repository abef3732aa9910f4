#pragma once
// The secret that opens the pool: from a key file, a passphrase file, or somebody at the terminal.
// And those that open stores.

#include <filesystem>
#include <stop_token>
#include <string>

#include "modelfloat/base/random.h"
#include "modelfloat/mf1/slot.h"
#include "modelfloat/store/credentials.h"

namespace modelfloat::cli {

// All throw Error: not_found or denied as the system says, invalid for what is no such secret.
// A key file that others may read is warned about.
mf1::SlotSecret read_key_file(const std::filesystem::path& file);
mf1::SlotSecret read_passphrase_file(const std::filesystem::path& file);
mf1::SlotSecret read_recovery_code_file(const std::filesystem::path& file);

// A JSON object, as --credentials-file names it.
store::Credentials read_credentials_file(const std::filesystem::path& file);

// Writes a new key that only the owner may read. Error{invalid} when the file exists.
void make_key_file(const std::filesystem::path& file, Random& random);

// Asks on the terminal without showing what is typed. Error{denied} without a terminal,
// Error{cancelled} on a stop.
mf1::SlotSecret ask_passphrase(const std::stop_token& stop);

}  // namespace modelfloat::cli
