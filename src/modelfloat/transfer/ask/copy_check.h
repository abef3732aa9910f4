#pragma once
// Checks copies of objects: each copy is read from its store and compared with its name.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// What is asked of a copy: whether all its bytes fit its name, or only whether the store gives its
// first bytes.
enum class CopyQuestion { is_right, is_there };

struct CopyToCheck {
  ObjectName name;
  const PoolStore* store = nullptr;
  std::uint64_t size_bytes = 0;  // as listed; limits how long reading it may take
};

// Called on the calling thread once for each copy, with its damage; nullopt when it is good.
using CopyVerdict = std::function<void(const CopyToCheck&, std::optional<Damage>)>;

// Reads all stores in parallel. The call queues and the I/O executor limit how many copies are read
// at once; so do 48 MiB (or four of the largest copies) in memory. When a read times out, its store
// is not read any more: its other copies get Damage::offline. A read that fails otherwise is tried
// again at the end, together with the store's marker: when it fails again and the marker comes, the
// copy is Damage::corrupt, else Damage::offline. Returns the number of bytes read.
// Throws only Error{cancelled} and Error{timed_out}, as `call` says, and what `verdict` throws.
std::uint64_t check_copies(const StoreSet& stores, std::vector<CopyToCheck> copies, const CallOptions& call,
                           const CopyVerdict& verdict, CopyQuestion question = CopyQuestion::is_right);

}  // namespace modelfloat::transfer
