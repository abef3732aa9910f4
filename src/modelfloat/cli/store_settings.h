#pragma once
// Settings of stores on their way into the registry.

#include "modelfloat/cli/session.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::cli {

// Seals the settings, and the session that the store left in `vault`, for this store. Without a
// bandwidth it stays as it was.
void keep_settings(registry::StoreRecords& registry, const engine::StoreSecrets& secrets, const StoreId& id,
                   const store::StoreSettings& settings, store::SessionVault& vault,
                   std::optional<std::string> bandwidth);

// A store that is no part of the pool yet, or not known to be, with the wrappers that every store
// gets.
std::unique_ptr<store::Store> open_with_scratch_session(Session& session, const std::string& url,
                                                        const store::StoreSettings& settings, ScratchSession& scratch);

// Reads the store's marker with these settings. When they are refused, logs in as `store add` does,
// which completes them, and tries again. Error{denied} when they are refused still, Error{invalid}
// when the place is another store; a store that cannot be reached now is warned about.
void try_settings(Session& session, const registry::StoreRow& row, store::StoreSettings& settings,
                  ScratchSession& scratch, store::Dialogue& dialogue);

}  // namespace modelfloat::cli
