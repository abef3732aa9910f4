#pragma once
// An object counts as stored when the store shows it, not when it says so.

#include <string>

#include "modelfloat/store/store.h"

namespace modelfloat::transfer {

// Puts the object and looks whether it is there, with its size and, where the store computes one,
// its checksum; tries that twice. Throws what the store throws, or Error{corrupt} naming `where`
// when it shows something else than it was given.
void put_confirmed(store::Store& store, const std::string& where, const ObjectName& name, ByteSpan object,
                   const CallOptions& call);

// Whether these bytes have this checksum, as ObjectInfo::checksum writes it. True for kinds of
// checksums that are not known here.
bool fits_checksum(std::string_view checksum, ByteSpan object);

}  // namespace modelfloat::transfer
