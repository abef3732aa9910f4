#pragma once
// A store that is called no more often, and with no more at once, than its provider and its user
// want.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/store/store.h"
#include "modelfloat/store/wrap/ledger.h"
#include "modelfloat/store/wrap/throttle.h"

namespace modelfloat::store {

struct CallLimits {
  std::string where;  // what errors name: the store
  std::size_t parallel_calls = 8;
  double calls_per_second = 0;  // 0: not limited
  std::uint64_t daily_upload_bytes = UINT64_MAX;
  std::uint64_t daily_download_bytes = UINT64_MAX;
  // Bandwidth: the store's own, and those that several stores share.
  std::vector<std::shared_ptr<Throttle>> up;
  std::vector<std::shared_ptr<Throttle>> down;
};

// What the provider says of itself.
CallLimits limits_of(const StoreTraits& traits, std::string where);

// A call waits for its turn, in the order of coming, then for calls and bytes a second. A wait that
// ends by the deadline is Error{timed_out}, by a stop Error{cancelled}. What would go beyond a
// day's budget is Error{rate_limited} with the time until the day (of UTC) ends; what was moved is
// entered into the ledger. `clock` and `ledger` outlive the store. One list() counts as one call,
// however many pages it has, and its sink is called while that call is under way: a call that the
// sink makes to this store is Error{internal}, since it could wait for its own listing.
std::unique_ptr<Store> make_limited(std::unique_ptr<Store> inner, CallLimits limits, Ledger& ledger, Clock& clock);

}  // namespace modelfloat::store
