#pragma once
// What the program puts in order before it does anything else: what its parent left it may be
// unusual.

namespace modelfloat::cli {

// Call it first in main(), before any descriptor is opened and any thread runs.
// - A missing descriptor 0, 1 or 2 becomes one that can neither be read nor written. Otherwise the
//   next file that is opened would get its number, and output would go into that file.
// - Blocked signals are let through, so that the program can be ended.
// - A write into a pipe that nobody reads becomes an error instead of a signal.
// - A stack limit below what our threads need is raised as far as the hard limit allows.
void put_start_in_order() noexcept;

}  // namespace modelfloat::cli
