#pragma once
// Puts that are confirmed: an object counts as stored only after stat() has shown it.

#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/store/store.h"
#include "modelfloat/transfer/stores/timeouts.h"

namespace modelfloat::transfer {

// Puts the object, then compares stat() with it: its size and, if the store computes one, its
// checksum. When they differ, does both once more. Throws what the store throws, or Error{corrupt}
// naming `where` when the second try differs too. Returns the checksum that the store shows; empty
// when it shows none. Blocks the calling thread.
std::string put_confirmed(store::Store& store, const std::string& where, const ObjectName& name, ByteSpan object,
                          const CallOptions& call);

// Waits until list() shows the object, for at most a minute. Needed where new objects may be missing
// from listings (StoreTraits::delayed_listing) and others have to find them there. Returns whether
// it is listed. Throws what the store throws. Blocks the calling thread.
bool wait_until_listed(store::Store& store, const ObjectName& name, const Timeouts& timeouts, Clock& clock,
                       const CallOptions& call);

// Whether `object` has this checksum, written as in ObjectInfo::checksum. Returns true for checksum
// algorithms that are not known here.
bool fits_checksum(std::string_view checksum, ByteSpan object);

}  // namespace modelfloat::transfer
