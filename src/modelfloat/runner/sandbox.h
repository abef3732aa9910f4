#pragma once
// What an engine may not do. It reads files that strangers made, so it is treated as if one of them had taken it over.

#include <string_view>

namespace modelfloat::runner {

// Shuts the calling process in, for good and for all that it executes: no new privileges, no core dump, no byte written
// into any file, no socket but Unix ones, no connection to anything (it can only be connected to), no look into other
// processes. Made for the moment between fork and exec: it allocates nothing and takes no lock. Returns nullptr, or the
// step that failed, with errno set.
const char* enter_sandbox() noexcept;

}  // namespace modelfloat::runner
