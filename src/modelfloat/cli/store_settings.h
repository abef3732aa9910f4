#pragma once
// Tests and saves the settings of stores.

#include "modelfloat/cli/session.h"
#include "modelfloat/store/scheme.h"
#include "modelfloat/store/wrap/standard.h"

namespace modelfloat::cli {

// Saves the settings and the session in `vault` for this store, sealed. If `bandwidth` is nullopt,
// the limit stays unchanged.
void keep_settings(registry::StoreRecords& registry, const engine::StoreSecrets& secrets, const StoreId& id,
                   const store::StoreSettings& settings, store::SessionVault& vault,
                   std::optional<std::string> bandwidth);

// Opens a store that is not in the pool, or not known to be, with the standard wrappers. `all` is
// what it shares with other stores, and `own` the limit of this one.
std::unique_ptr<store::Store> open_with_scratch_session(Session& session, const std::string& url,
                                                        const store::StoreSettings& settings, ScratchSession& scratch,
                                                        const store::SharedBandwidth& all = store::SharedBandwidth(),
                                                        store::Bandwidth own = {});

// Reads the store's marker with these settings. If access is denied, logs in as `store add` does,
// which completes the settings, and tries again. Throws Error{denied} if access is still denied,
// and Error{invalid} if the marker belongs to another store. Only warns if the store cannot be
// reached now, or has no marker.
void try_settings(Session& session, const registry::StoreRow& row, store::StoreSettings& settings,
                  ScratchSession& scratch, store::Dialogue& dialogue);

}  // namespace modelfloat::cli
