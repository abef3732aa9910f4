#pragma once
// Google Drive as a store. docs/stores/drive.md tells what lies where, how to log in, and Drive's
// limits.

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// drive:FOLDER, or drive://ID/FOLDER on the shared drive of that id. Credentials: client_id,
// client_secret and refresh_token of an OAuth client of one's own, or service_account (its JSON key
// file), which wants a shared drive. A new store without a refresh token logs in: by a code that is
// typed in on any device, or, where the client is not made for that, by a browser on this machine.
// `api_url` is the server's root, `token_url` the whole address that gives tokens; the addresses
// for codes (device/code) and for browsers (auth) lie beside it.
//
// A file that is named like an object but has other bytes is replaced: the good one comes first,
// then the bad one goes. Uploads above 5 MiB are resumed where they were cut off, also by another
// process. What is in the trash is not there. A store whose folder is not there, or in the trash,
// is Error{offline}.
Scheme drive_scheme();

}  // namespace modelfloat::store
