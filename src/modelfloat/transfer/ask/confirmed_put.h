#pragma once
// Puts that are confirmed: an object counts as stored only after stat() has shown it.

#include <string>

#include "modelfloat/store/store.h"

namespace modelfloat::transfer {

// Puts the object, then compares stat() with it: its size and, if the store computes one, its
// checksum. When they differ, does both once more. Throws what the store throws, or Error{corrupt}
// naming `where` when the second try differs too. Blocks the calling thread.
void put_confirmed(store::Store& store, const std::string& where, const ObjectName& name, ByteSpan object,
                   const CallOptions& call);

// Whether `object` has this checksum, written as in ObjectInfo::checksum. Returns true for checksum
// algorithms that are not known here.
bool fits_checksum(std::string_view checksum, ByteSpan object);

}  // namespace modelfloat::transfer
