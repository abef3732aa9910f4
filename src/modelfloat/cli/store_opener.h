#pragma once
// From a row of the registry to a store that can be used: its settings, its session, its ledger,
// and the wrappers that every store gets.

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
  // By name; counts over what `store add` and `store set` said.
  std::map<std::string, std::string> stores;
};

// Shared by threads. What it is made with outlives it, and it outlives the stores that it opens.
// Ends by writing into the registry what the ledgers gathered.
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

  // The store need not be there. Throws like store::make_store; when this machine has no
  // credentials, the Error says how to give them.
  std::unique_ptr<store::Store> open(const registry::StoreRow& row);

  const engine::StoreSecrets& secrets() const noexcept { return secrets_; }

 private:
  // What stays of a store while it is closed and opened again.
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
  std::map<StoreId, Kept> kept_;  // guarded by mutex_; entries stay where they are
};

}  // namespace modelfloat::cli
