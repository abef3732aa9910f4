#pragma once
// Settings of stores on their way into the registry.

#include "modelfloat/cli/session.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::cli {

// Seals the settings, and the session that the store left in `vault`, for this store.
void keep_settings(registry::Registry& registry, const engine::StoreSecrets& secrets, const StoreId& id, const store::StoreSettings& settings,
                   store::SessionVault& vault);

// Reads the store's marker with these settings. When they are refused, logs in as `store add` does, which completes them, and tries again.
// Error{denied} when they are refused still, Error{invalid} when the place is another store; a store that cannot be reached now is warned about.
void try_settings(Session& session, const registry::StoreRow& row, store::StoreSettings& settings, store::SessionVault& vault,
                  store::Dialogue& dialogue);

}  // namespace modelfloat::cli
