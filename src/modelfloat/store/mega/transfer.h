#pragma once
// The content of a file on its way to MEGA's storage servers and back.

#include <string>

#include "modelfloat/store/mega/api.h"
#include "modelfloat/store/mega/cipher.h"
#include "modelfloat/store/mega/tree.h"

namespace modelfloat::store::mega {

struct Uploaded {
  std::string token;  // what "p" takes in exchange for a node
  FileKey key;        // drawn for this content alone
};

// Sends the content in requests of several chunks each, one after the other: callers put in
// parallel. A request that breaks is repeated, an address that expires replaced once. Nothing shows
// in the account yet.
Uploaded upload(Api& api, Clock& clock, Random& random, ByteSpan content, const std::string& where,
                const CallOptions& options);

// The bytes of a range that lies inside the object. Of a whole object the MAC is checked.
// Error{not_found} when the node or what it stands for is gone, Error{corrupt} for bytes of wrong
// number or MAC, Error{rate_limited} when the transfer quota is used up.
Bytes download(Api& api, Clock& clock, const FoundObject& object, ByteRange range, const std::string& where,
               const CallOptions& options);

}  // namespace modelfloat::store::mega
