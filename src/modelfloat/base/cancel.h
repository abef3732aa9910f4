#pragma once
// Every call that may take long is given one of these.

#include <optional>
#include <stop_token>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"

namespace modelfloat {

struct CallOptions {
  // A stop asked for makes the call throw Error{cancelled} soon.
  std::stop_token stop;
  // Reached, by the clock of the caller, the call throws Error{timed_out}.
  std::optional<SteadyTime> deadline;
};

// Throws when the options say that it is time to give up. Cheap enough for every iteration of an
// I/O loop.
inline void check_cancelled(const CallOptions& options, const Clock& clock, const std::string& where) {
  if (options.stop.stop_requested()) throw Error(ErrorKind::cancelled, where, "stopped on request");
  if (options.deadline && clock.steady_now() >= *options.deadline) {
    throw Error(ErrorKind::timed_out, where, "the deadline passed");
  }
}
// The same by the real clock, for what talks to the world outside.
inline void check_cancelled(const CallOptions& options, const std::string& where) {
  check_cancelled(options, SystemClock(), where);
}

}  // namespace modelfloat
