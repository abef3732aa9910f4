#pragma once
// Whole objects by name, from whichever store has them, checked by their name.

#include <functional>
#include <optional>
#include <vector>

#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// The first copy whose bytes have the hash that its name says. The store that answers best is asked
// first, the next one when its answer is late, missing or wrong; what is missing or wrong on a
// store is told to `finding` (absence only when `expected_everywhere`). Stores that are not online
// yet are waited for when the others don't have it. Stores that asked for a moment are waited for
// when no other has it (needed_wait.h). Nothing when no store has a right copy.
std::optional<Bytes> read_object(StoreSet& stores, const ObjectName& name, bool expected_everywhere,
                                 const FindingSink& finding, const CallOptions& call);

// An object and the stores that list it.
struct ListedObject {
  ObjectName name;
  std::vector<const PoolStore*> places;
};
// Several objects at once, each as above from its own places. `take` is called on the calling
// thread, with the place of the object in `objects` and its bytes; not for those that cannot be
// had.
void read_objects(StoreSet& stores, const std::vector<ListedObject>& objects, const FindingSink& finding,
                  const CallOptions& call, const std::function<void(std::size_t index, Bytes bytes)>& consume);

// Whether these bytes are what the name says. Names without a hash (markers, texts) fit anything.
bool fits_name(const ObjectName& name, ByteSpan object);

}  // namespace modelfloat::transfer
