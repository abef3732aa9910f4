#pragma once
// How a store is reached: from the command line, a credentials file, the environment, and somebody
// at the terminal. Secrets never come by the command line, which every user of the machine can
// read.

#include <string>
#include <string_view>

#include "modelfloat/cli/home.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::cli {

// As they stand on the command line; empty where not given.
struct StoreOptions {
  std::string api_url;
  std::string token_url;
  std::string credentials_file;
  std::string ca_file;
};

// "MODELFLOAT_STORE_MY_DRIVE_" for "my-drive": letters in upper case, everything that is neither
// letter nor digit becomes _.
std::string variable_prefix(std::string_view store_name);

// The values of <prefix>CREDENTIALS_FILE's file, and over them those of <prefix><FIELD> (EMAIL,
// PASSWORD, ...). `file`, when not empty, counts instead of the variable's. Error names what cannot
// be read.
store::Credentials find_credentials(const store::Scheme& scheme, const std::string& file, std::string_view prefix,
                                    const Variables& variables);

// The whole path of `file`, or of the one that <prefix>CA_FILE names, where `file` is empty; empty
// when there is neither. Error{invalid} when it holds no certificate in PEM, or this kind of store
// takes none.
std::string find_ca_file(const store::Scheme& scheme, const std::string& file, std::string_view prefix,
                         const Variables& variables);

// Asks for the fields of the scheme that are missing, when somebody is there. Who gave a file, or a
// value that is no field (a token in place of a password), is not asked. An empty answer leaves a
// field out.
void ask_missing(const store::Scheme& scheme, bool has_file, store::Credentials& credentials,
                 store::Dialogue& dialogue);

// All of the above.
store::StoreSettings settings_from(const store::Scheme& scheme, const StoreOptions& options, std::string_view prefix,
                                   const Variables& variables, store::Dialogue* dialogue);

}  // namespace modelfloat::cli
