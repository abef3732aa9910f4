#pragma once
// Google Drive as a store. docs/stores/drive.md describes the layout, how to log in, and Drive's
// limits.

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// drive:FOLDER, or drive://ID/FOLDER on the shared drive of that id. Credentials: client_id,
// client_secret and refresh_token of the user's own OAuth client, or service_account (its JSON key
// file), which needs a shared drive. A new store without a refresh token logs in: by a code that
// the user types on any device or, if the client does not support that, by a browser on this
// machine. `api_url` is the server's root URL and `token_url` the full URL for tokens; the URLs for
// codes (device/code) and for browsers (auth) are beside it.
//
// A file that has an object's name but other bytes is replaced: first the right one is uploaded,
// then the wrong one is removed. Uploads above 5 MiB are resumed after an interruption, also by
// another process. Files in the trash count as absent. If the store's folder is missing or in the
// trash, calls throw Error{offline}.
Scheme drive_scheme();

}  // namespace modelfloat::store
