#pragma once
// Uploads and downloads the content of files, by MEGA's storage servers.

#include <string>

#include "modelfloat/store/mega/api.h"
#include "modelfloat/store/mega/cipher.h"
#include "modelfloat/store/mega/tree.h"

namespace modelfloat::store::mega {

struct Uploaded {
  std::string token;  // the command "p" makes a node from it
  FileKey key;        // random, for this content only
};

// Uploads the content in requests of several chunks each, one after the other; parallel calls are
// the caller's. A request that fails is repeated, and an address that expired is replaced once. The
// file is not in the account before the caller makes a node with the token.
Uploaded upload(Api& api, Clock& clock, Random& random, ByteSpan content, const std::string& where,
                const CallOptions& options);

// Returns the bytes of the range, which must be within the object. For a whole object the MAC is
// checked. Throws Error{not_found} when the node or its content is gone, Error{corrupt} when the
// number of bytes or the MAC is wrong, and Error{rate_limited} when the transfer quota is used up.
Bytes download(Api& api, Clock& clock, const FoundObject& object, ByteRange range, const std::string& where,
               const CallOptions& options);

}  // namespace modelfloat::store::mega
