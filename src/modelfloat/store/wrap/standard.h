#pragma once
// What is put around every provider's store.

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

// The bandwidth that all stores of the process share; null where not limited.
struct SharedBandwidth {
  explicit SharedBandwidth(Bandwidth limit = {});
  std::shared_ptr<Throttle> up;
  std::shared_ptr<Throttle> down;
};

// measured( retrying( limited( breaker( provider )))): a call that waits to be tried again holds no
// connection and is limited anew; the breaker is next to the provider, so that it hears what that
// says and nothing of our own queues; and what is measured is what the caller lives with. The
// provider's traits are its limits. `name` is what errors name. Ends by telling the ledger what was
// measured. All references outlive the store.
std::unique_ptr<MeasuredStore> make_standard(std::unique_ptr<Store> provider, const std::string& name,
                                             const SharedBandwidth& shared, Bandwidth own, Ledger& ledger, Clock& clock,
                                             Random& random);

}  // namespace modelfloat::store
