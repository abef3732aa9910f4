#pragma once
// What the stores of a pool list, all asked at once.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Whom a call that asks all stores waits for.
enum class WaitFor {
  quorum,  // as many as are needed, and those who are as quick as they: what a reader wants
  all,     // everybody who is not far behind the others: what a writer wants
};

struct StoreListing {
  const PoolStore* store = nullptr;
  bool complete = false;  // it answered, and `objects` is all that it has
  // They are there; where it is not complete there may be more.
  std::vector<store::ObjectInfo> objects = {};
  std::string trouble = {};   // why it is not complete
  bool is_straggler = false;  // it had not answered when nobody waited any more
};

// Whether what has come by now will do. Empty: only everybody will.
using ListingsSuffice = std::function<bool(const std::vector<StoreListing>&)>;

// Lists everything under the prefixes on every store that is online, also on those that turn up
// while it waits for others. A store that fails or is left behind is in the result with its
// trouble; what it listed before it failed is kept. Nobody is waited for longer than `allowed`, or
// Timeouts::listing when it is not given. Throws only what the caller's own options say.
std::vector<StoreListing> list_stores(const StoreSet& stores, const std::vector<std::string>& prefixes,
                                      WaitFor wait_for, const ListingsSuffice& suffice, const CallOptions& call,
                                      std::optional<Milliseconds> allowed = std::nullopt);

}  // namespace modelfloat::transfer
