#pragma once
// Whole objects by name, from whichever store has them, checked by their name.

#include <optional>
#include <vector>

#include "modelfloat/transfer/finding.h"
#include "modelfloat/transfer/store_set.h"

namespace modelfloat::transfer {

// The first copy whose bytes have the hash that its name says. Stores are asked one after the other; what is missing or wrong on a store is
// told to `finding` (absence only when `expected_everywhere`). Nothing when no online store has a right copy.
std::optional<Bytes> read_object(const StoreSet& stores, const ObjectName& name, bool expected_everywhere, const FindingSink& finding,
                                 const CallOptions& call);

// Whether these bytes are what the name says. Names without a hash (markers, texts) fit anything.
bool fits_name(const ObjectName& name, ByteSpan object);

}  // namespace modelfloat::transfer
