#pragma once
// Calls that a WebDAV server refuses for a moment.

#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store::rclone {

// Does `work`, and does it again, up to five times, when rclone says "423 Locked": a server may lock
// a folder while another call makes it. Waits in between. Throws what the last attempt threw, and
// Error{cancelled} naming `where`, as `call` says.
template <typename Work>
void again_while_locked(Clock& clock, const CallOptions& call, const std::string& where, const Work& work) {
  constexpr int k_attempts = 5;
  for (int attempt = 1;; ++attempt) {
    try {
      return work();
    } catch (const Error& error) {
      if (attempt == k_attempts || std::string_view(error.what()).find("423 Locked") == std::string_view::npos) throw;
    }
    clock.sleep_for(attempt * Milliseconds{100}, call.stop);
    check_cancelled(call, where);
  }
}

}  // namespace modelfloat::store::rclone
