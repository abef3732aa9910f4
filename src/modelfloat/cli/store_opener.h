#pragma once
// Opens a store from its row in the registry: with its settings, session, ledger and the standard
// wrappers.

#include <map>
#include <memory>
#include <mutex>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/engine/pool/store_ledger.h"
#include "modelfloat/engine/pool/store_secrets.h"
#include "modelfloat/registry/store_records.h"
#include "modelfloat/store/store.h"
#include "modelfloat/store/wrap/standard.h"

namespace modelfloat::cli {

// The limits that --bwlimit and config.toml set.
struct BandwidthSettings {
  store::Bandwidth all;  // all stores together
  // By store name; takes precedence over the limits of `store add` and `store set`.
  std::map<std::string, std::string> stores;
};

// May be used from any thread. The constructor's arguments outlive it, and it outlives the stores
// that it opens. The destructor writes into the registry what the ledgers have collected.
class StoreOpener {
 public:
  StoreOpener(registry::StoreRecords& registry, const mf1::Keyring& keys, Clock& clock, Random& random,
              BandwidthSettings bandwidth)
      : registry_(registry),
        clock_(clock),
        random_(random),
        bandwidth_(std::move(bandwidth)),
        shared_(bandwidth_.all),
        secrets_(keys, random) {}
  ~StoreOpener();
  StoreOpener(const StoreOpener&) = delete;
  StoreOpener& operator=(const StoreOpener&) = delete;

  // Opens a store, which may be offline. Throws as store::make_store() does. When this machine has
  // no credentials for it, throws Error{denied} with a message that says how to set them.
  std::unique_ptr<store::Store> open(const registry::StoreRow& row);

  const engine::StoreSecrets& secrets() const noexcept { return secrets_; }

 private:
  // What is kept of a store when it is closed and opened again.
  struct Kept {
    Kept(StoreOpener& opener, const StoreId& store)
        : vault(opener.registry_, opener.secrets_, store), ledger(opener.registry_, store) {}
    engine::RegistryVault vault;
    engine::RegistryLedger ledger;
  };
  Kept& kept(const StoreId& store);

  registry::StoreRecords& registry_;
  Clock& clock_;
  Random& random_;
  const BandwidthSettings bandwidth_;
  const store::SharedBandwidth shared_;
  const engine::StoreSecrets secrets_;
  std::mutex mutex_;
  std::map<StoreId, Kept> kept_;  // guarded by mutex_; entries never move
};

}  // namespace modelfloat::cli
