#pragma once
// Any remote of rclone as a store: the object NAME is the file PATH/NAME in it.

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// rclone:REMOTE:path, where REMOTE is a name in the user's own rclone configuration. rclone itself
// is found by PATH. It needs no credentials of ours. The failure domain is the company or host
// behind the remote, also behind crypt and other wrappers. The folder of a new store is made.
//
// If rclone would show an incomplete upload under the file's name, the upload uses a temporary
// name, .mf-tmp-..; a listing removes such files after a day. While the folder is missing, every
// call throws Error{offline}, if the provider keeps folders at all. Replacing an object of wrong
// content may leave its name empty for a moment; only readers in other programs can see that.
Scheme rclone_scheme();

}  // namespace modelfloat::store
