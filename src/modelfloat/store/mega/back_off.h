#pragma once
// The pauses between the tries of one call.

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/base/random.h"

namespace modelfloat::store::mega {

// Waits of one call that is repeated: doubling, and a random part of a half, so that many clients do not come back together.
class BackOff {
 public:
  BackOff(Clock& clock, Random& random) : clock_(clock), random_(random) {}
  // Sleeps before the next try; throws `trouble` when there have been enough of them or the deadline would pass.
  void wait(const Error& trouble, const CallOptions& options) {
    const bool asked_to_slow_down = trouble.kind == ErrorKind::rate_limited;
    const unsigned most = asked_to_slow_down ? 4 : 6;
    const Milliseconds first(asked_to_slow_down ? 2000 : 250);
    if (++tries_ > most) throw Error(trouble);
    const auto full = static_cast<double>((first * (1U << (tries_ - 1))).count());
    const Milliseconds delay(static_cast<Milliseconds::rep>(full * (0.5 + random_.fraction() / 2)));
    if (options.deadline && clock_.steady_now() + delay >= *options.deadline) throw Error(trouble);
    clock_.sleep_for(delay, options.stop);
    check_cancelled(options, trouble.where);
  }

 private:
  Clock& clock_;
  Random& random_;
  unsigned tries_ = 0;
};

}  // namespace modelfloat::store::mega
