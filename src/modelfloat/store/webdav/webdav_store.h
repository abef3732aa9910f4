#pragma once
// A folder on a WebDAV server: Nextcloud, ownCloud, Apache, and what companies offer.
// docs/stores/webdav.md says what was tried with which.

#include <memory>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// The object NAME is the file FOLDER/NAME. A folder that is not there is Error{offline}, and so is
// a page, such as one to log in, that comes instead of an answer. put() makes folders inside it,
// never itself. What a killed process left behind is cleared by a listing that finds it a day old.
// `address` is what follows "webdav:".
std::unique_ptr<Store> make_webdav_store(std::string_view address, const StoreSettings& settings,
                                         const StoreContext& context);

// webdav:https://host/path. Credentials: user and password (Basic or Digest, as the server asks),
// or bearer, or none. A new one's folder is made.
Scheme webdav_scheme();

}  // namespace modelfloat::store
