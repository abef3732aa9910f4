#pragma once
// What the program does first, since its parent process may have left it in an unusual state.

namespace modelfloat::cli {

// Call this first in main(), before any file is opened or thread is started.
// - A missing descriptor 0, 1 or 2 is replaced by one that can be neither read nor written.
//   Otherwise the next opened file would get its number, and output would go into that file.
// - Blocked signals are unblocked, so that the program can be ended.
// - SIGPIPE is ignored: a write into a pipe without readers becomes an error.
// - A stack limit below what our threads need is raised as far as the hard limit allows.
void put_start_in_order() noexcept;

}  // namespace modelfloat::cli
