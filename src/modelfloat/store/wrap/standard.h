#pragma once
// The wrappers that are put around every provider's store.

#include <memory>
#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/wrap/bandwidth.h"
#include "modelfloat/store/wrap/ledger.h"
#include "modelfloat/store/wrap/measured.h"
#include "modelfloat/store/wrap/throttle.h"

namespace modelfloat::store {

// The bandwidth limits that all stores of the process share; null where there is no limit.
struct SharedBandwidth {
  explicit SharedBandwidth(Bandwidth limit = {});
  std::shared_ptr<Throttle> up;
  std::shared_ptr<Throttle> down;
};

// Makes measured(retrying(limited(breaker(provider)))). The order matters:
// - Retrying is outside limited: a call that waits for its retry holds no connection, and each
//   retry is limited again.
// - The circuit breaker wraps the provider directly: it counts errors of the provider only, not
//   waits in our own queues.
// - Measuring is outermost: it records what callers experience.
// The limits are the provider's traits. `name` is the name of the store in errors. The destructor
// writes the measurements into the ledger. All references outlive the store.
std::unique_ptr<MeasuredStore> make_standard(std::unique_ptr<Store> provider, const std::string& name,
                                             const SharedBandwidth& shared, Bandwidth own, Ledger& ledger, Clock& clock,
                                             Random& random);

}  // namespace modelfloat::store
