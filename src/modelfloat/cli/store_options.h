#pragma once
// Collects how to reach a store: from the command line, a credentials file, the environment and the
// terminal. Secrets are never read from the command line, as every user of the machine can see it.

#include <string>
#include <string_view>

#include "modelfloat/cli/home.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::cli {

// The options as given on the command line; empty if not given.
struct StoreOptions {
  std::string api_url;
  std::string token_url;
  std::string credentials_file;
  std::string ca_file;
};

// Returns "MODELFLOAT_STORE_MY_DRIVE_" for "my-drive": letters become upper case, everything that
// is neither letter nor digit becomes "_".
std::string variable_prefix(std::string_view store_name);

// Returns the values in the credentials file, replaced by those of the variables <prefix><FIELD>
// (EMAIL, PASSWORD, ...). The file is `file`, or if that is empty, the one that
// <prefix>CREDENTIALS_FILE names. Throws as read_credentials_file() does.
store::Credentials find_credentials(const store::Scheme& scheme, const std::string& file, std::string_view prefix,
                                    const Variables& variables);

// Returns the absolute path of `file`, or if that is empty, of the file that <prefix>CA_FILE names.
// Returns an empty string when there is neither. Throws Error{invalid} when the file has no
// certificate in PEM format, or when this kind of store uses none.
std::string find_ca_file(const store::Scheme& scheme, const std::string& file, std::string_view prefix,
                         const Variables& variables);

// Asks on the terminal for missing credential fields of the scheme. Asks nothing when there is no
// terminal, when a credentials file was given, or when a value that replaces the fields was given
// (a token instead of a password). An empty answer leaves a field out.
void ask_missing(const store::Scheme& scheme, bool has_file, store::Credentials& credentials,
                 store::Dialogue& dialogue);

// Does all of the above. Asks nothing when `dialogue` is null.
store::StoreSettings settings_from(const store::Scheme& scheme, const StoreOptions& options, std::string_view prefix,
                                   const Variables& variables, store::Dialogue* dialogue);

}  // namespace modelfloat::cli
