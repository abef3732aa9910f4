#pragma once
// The pauses between the attempts of one call.

#include <algorithm>
#include <optional>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/base/random.h"

namespace modelfloat::store::mega {

// If the server asks for a longer pause than this, the call does not wait but throws, so that all
// calls of the store are paused.
inline constexpr Milliseconds k_longest_asked{10'000};

// The waits of one call that is repeated. They double each time and are random by one half, so that
// many clients do not come back together. Used by one thread.
class BackOff {
 public:
  BackOff(Clock& clock, Random& random) : clock_(clock), random_(random) {}
  // Sleeps before the next attempt, at least as long as the server asked. Throws `trouble` after
  // too many attempts, when the wait would pass the deadline, or when the server asked for more
  // than k_longest_asked. Throws Error{cancelled} on a stop.
  void wait(const Error& trouble, const CallOptions& options, std::optional<Milliseconds> asked = std::nullopt) {
    const bool asked_to_slow_down = trouble.kind == ErrorKind::rate_limited;
    const unsigned most = asked_to_slow_down ? 4 : 6;
    const Milliseconds first(asked_to_slow_down ? 2000 : 250);
    const Milliseconds least = asked.value_or(Milliseconds(0));
    if (++tries_ > most || least > k_longest_asked) throw Error(trouble);
    const auto full = static_cast<double>((first * (1U << (tries_ - 1))).count());
    const Milliseconds own(static_cast<Milliseconds::rep>(full * (0.5 + random_.fraction() / 2)));
    const Milliseconds delay = std::max(own, least);
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
