#pragma once
// The login by which a user gives ModelFloat access to their Drive. It is needed once.

#include <string>

#include "modelfloat/base/cancel.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::store::drive {

// Logs in and sets "refresh_token" in the credentials, which must have client_id and client_secret.
// First tries a code that the user types on any device (RFC 8628), which also works over SSH. If
// the client does not support that, it uses a browser on this machine (RFC 8252, with PKCE). Tells
// the user what to do and waits. Throws Error{denied} when the user refuses, the code expires or
// the client is wrong.
void log_in(StoreSettings& settings, const StoreContext& context, Dialogue& dialogue, const std::string& where,
            const CallOptions& options);

}  // namespace modelfloat::store::drive
