#pragma once
// A folder on a WebDAV server: Nextcloud, ownCloud, Apache or a hosted service.
// docs/stores/webdav.md says which servers were tested.

#include <memory>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// The object NAME is the file FOLDER/NAME. Calls throw Error{offline} while the folder is missing,
// and when a page such as a login form comes instead of an answer. put() makes folders inside the
// folder, but never the folder itself. Files that an interrupted process left behind are removed by
// a listing after a day. `address` is what follows "webdav:".
std::unique_ptr<Store> make_webdav_store(std::string_view address, const StoreSettings& settings,
                                         const StoreContext& context);

// webdav:https://host/path. Credentials: user and password (Basic or Digest, as the server asks),
// or bearer, or none. The folder of a new store is made.
Scheme webdav_scheme();

}  // namespace modelfloat::store
