#pragma once
// Lists the objects of all stores of a pool at once.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Which answers a call that asks all stores waits for.
enum class WaitFor {
  quorum,  // as many as are needed, and others that are as quick; for readers
  all,     // all stores but stragglers; for writers
};

struct StoreListing {
  const PoolStore* store = nullptr;
  bool complete = false;  // it answered, and `objects` is all that it has
  // The objects that the store listed. There may be more if it is not complete.
  std::vector<store::ObjectInfo> objects = {};
  std::string trouble = {};   // why the list is not complete
  bool is_straggler = false;  // it had not answered when the wait ended
};

// Whether the lists so far are enough. Empty: only the lists of all stores are.
using ListingsSuffice = std::function<bool(const std::vector<StoreListing>&)>;

// Lists everything under the prefixes on every store that is online, and on stores that come online
// while it waits. A store that fails or is a straggler is in the result too, with its trouble and
// with what it listed before it failed. Waits at most `allowed` (if not given: Timeouts::listing).
// Throws only Error{cancelled} and Error{timed_out}, as `call` says.
std::vector<StoreListing> list_stores(const StoreSet& stores, const std::vector<std::string>& prefixes,
                                      WaitFor wait_for, const ListingsSuffice& suffice, const CallOptions& call,
                                      std::optional<Milliseconds> allowed = std::nullopt);

}  // namespace modelfloat::transfer
