#pragma once
// Reads whole objects by name from any store that has them, and checks the bytes against the name.

#include <functional>
#include <optional>
#include <vector>

#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Returns the first copy whose bytes match the hash in the name; nullopt when no store has one. The
// store with the best rank is asked first; the next one when an answer is late, missing or wrong.
// Missing copies (only if `expected_everywhere`), wrong bytes and stores that cannot be read are
// reported to `finding`.
// When no store that is online has a good copy, waits for stores that are still pending, then for
// stores that asked for a pause (needed_wait.h). Throws only Error{cancelled} and Error{timed_out},
// as `call` says.
std::optional<Bytes> read_object(StoreSet& stores, const ObjectName& name, bool expected_everywhere,
                                 const FindingSink& finding, const CallOptions& call);

// An object and the stores that list it.
struct ListedObject {
  ObjectName name;
  std::vector<const PoolStore*> places;
};
// Reads several objects at once, each only from its own places. Calls `consume` on the calling
// thread with the object's index in `objects` and its bytes. An object that cannot be read is left
// out. Missing copies are reported to `finding`, too.
void read_objects(StoreSet& stores, const std::vector<ListedObject>& objects, const FindingSink& finding,
                  const CallOptions& call, const std::function<void(std::size_t index, Bytes bytes)>& consume);

// Whether the bytes match the hash in the name. True for names without a hash (markers, texts).
bool fits_name(const ObjectName& name, ByteSpan object);

}  // namespace modelfloat::transfer
