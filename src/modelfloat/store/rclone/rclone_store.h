#pragma once
// Any remote of rclone's as a store: the object NAME is the file PATH/NAME in it.

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// rclone:REMOTE:path, where REMOTE is a name in the user's own rclone configuration; rclone itself
// is found by PATH. No credentials of our own. The failure domain is the company or host behind the
// remote, also through crypt and the like. A new store's folder is made.
//
// Where rclone would show a file that is still on its way under its name, it goes by a temporary
// name, .mf-tmp-.., which a listing clears away when it is a day old. While the folder is missing
// every call is Error{offline}, where the provider keeps folders at all. Replacing an object of
// wrong content may leave its name empty for a moment, which only readers of other programs can
// see.
Scheme rclone_scheme();

}  // namespace modelfloat::store
