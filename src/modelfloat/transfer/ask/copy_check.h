#pragma once
// Copies of objects, each read whole from the store that it lies on and compared with its name.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

struct CopyToCheck {
  ObjectName name;
  const PoolStore* store = nullptr;
  std::uint64_t size_bytes = 0;  // as it is listed: bounds how long reading may take
};

// Called on the calling thread for each copy, with what is wrong with it.
using CopyVerdict = std::function<void(const CopyToCheck&, std::optional<Damage>)>;

// All stores are read at once, so many copies at a time as their call queues and the I/O pool
// allow, and as are 48 MiB, or four of the largest. A store that goes silent, or doesn't answer in
// time, is not read any more: the rest of its copies are Damage::offline. Returns the bytes read.
// Throws only what the caller's own options say.
std::uint64_t check_copies(const StoreSet& stores, std::vector<CopyToCheck> copies, const CallOptions& call,
                           const CopyVerdict& verdict);

}  // namespace modelfloat::transfer
