#pragma once
// How a person gives ModelFloat access to their Drive, once.

#include <string>

#include "modelfloat/base/cancel.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::store::drive {

// Puts "refresh_token" into the credentials, which have client_id and client_secret. First by a
// code that is typed in on any device (RFC 8628), so also over SSH; a client that is not made for
// that logs in by a browser on this machine (RFC 8252, with PKCE). Tells the person what to do, and
// waits. Error{denied} when the person refuses, the code runs out, or the client is wrong.
void log_in(StoreSettings& settings, const StoreContext& context, Dialogue& dialogue, const std::string& where,
            const CallOptions& options);

}  // namespace modelfloat::store::drive
