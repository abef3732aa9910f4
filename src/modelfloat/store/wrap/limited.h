#pragma once
// A store with limits: on calls at once, calls per second, bandwidth and bytes per day.

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
  std::string where;  // the name of the store in errors
  std::size_t parallel_calls = 8;
  double calls_per_second = 0;  // 0: no limit
  std::uint64_t daily_upload_bytes = UINT64_MAX;
  std::uint64_t daily_download_bytes = UINT64_MAX;
  // Bandwidth: the store's own, and those that several stores share.
  std::vector<std::shared_ptr<Throttle>> up;
  std::vector<std::shared_ptr<Throttle>> down;
};

// The limits that the provider's traits name.
CallLimits limits_of(const StoreTraits& traits, std::string where);

// Wraps a store so that each call first waits until it is admitted, in order of arrival, and then
// for the limits on calls and bytes per second. A wait ends with Error{timed_out} at the deadline
// and Error{cancelled} on a stop. A call that would exceed the day's budget throws
// Error{rate_limited} with the time until the day (UTC) ends. Bytes that were moved are recorded in
// the ledger.
//
// One list() counts as one call, however many pages it reads. Its sink is called during that call,
// so a call to this store from the sink throws Error{internal}: it could wait for its own listing.
// `clock` and `ledger` outlive the store.
std::unique_ptr<Store> make_limited(std::unique_ptr<Store> inner, CallLimits limits, Ledger& ledger, Clock& clock);

}  // namespace modelfloat::store
