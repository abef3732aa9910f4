#pragma once
// Cancellation and deadline of a call that may take long.

#include <optional>
#include <stop_token>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"

namespace modelfloat {

struct CallOptions {
  // When a stop is requested, the call throws Error{cancelled} soon.
  std::stop_token stop;
  // When this time is reached, by the clock of the caller, the call throws Error{timed_out}.
  std::optional<SteadyTime> deadline;
};

// Throws Error{cancelled} when a stop is requested, and Error{timed_out} when the deadline has
// passed. Cheap enough for every iteration of an I/O loop.
inline void check_cancelled(const CallOptions& options, const Clock& clock, const std::string& where) {
  if (options.stop.stop_requested()) throw Error(ErrorKind::cancelled, where, "stopped on request");
  if (options.deadline && clock.steady_now() >= *options.deadline) {
    throw Error(ErrorKind::timed_out, where, "the deadline passed");
  }
}
// The same by the real clock, for code that talks to the outside world.
inline void check_cancelled(const CallOptions& options, const std::string& where) {
  check_cancelled(options, SystemClock(), where);
}

}  // namespace modelfloat
