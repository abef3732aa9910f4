#pragma once
// From a row of the registry to a store that can be used: its settings, its session, and the wrappers that every store gets.

#include <map>
#include <memory>
#include <mutex>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/engine/store_secrets.h"
#include "modelfloat/registry/registry.h"
#include "modelfloat/store/store.h"

namespace modelfloat::cli {

// A store with the wrappers that every store gets. `clock` and `random` outlive it.
std::unique_ptr<store::Store> wrap_store(std::unique_ptr<store::Store> store, Clock& clock, Random& random);

// Shared by threads. What it is made with outlives it, and it outlives the stores that it opens.
class StoreOpener {
 public:
  StoreOpener(registry::Registry& registry, const mf1::Keyring& keys, Clock& clock, Random& random)
      : registry_(registry), clock_(clock), random_(random), secrets_(keys, random) {}

  // The store need not be there. Throws like store::make_store; when this machine has no credentials, the Error says how to give them.
  std::unique_ptr<store::Store> open(const registry::StoreRow& row);

  const engine::StoreSecrets& secrets() const noexcept { return secrets_; }

 private:
  engine::RegistryVault& vault(const StoreId& store);

  registry::Registry& registry_;
  Clock& clock_;
  Random& random_;
  const engine::StoreSecrets secrets_;
  std::mutex mutex_;
  std::map<StoreId, engine::RegistryVault> vaults_;  // guarded by mutex_; entries stay where they are
};

}  // namespace modelfloat::cli
