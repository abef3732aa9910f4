#pragma once
// An account at MEGA as a store: the object NAME is the file FOLDER/NAME in the account's cloud
// drive. docs/stores/mega.md.

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// mega:/folder, with the credentials `email`, `password` and, for accounts with a second factor,
// `totp_secret`. The session is kept in the vault. While the folder is missing, every call throws
// Error{offline}. StoreSettings::api_url is the URL below which /cs and /sc are.
Scheme mega_scheme();

}  // namespace modelfloat::store
