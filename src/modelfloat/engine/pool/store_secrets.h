#pragma once
// Credentials and sessions of stores, sealed with the pool's key and kept in the registry. Format:
// docs/formats/sealed-settings.md.

#include <map>
#include <optional>
#include <string_view>

#include "modelfloat/base/random.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/registry/store_records.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::engine {

// Seals and opens secrets. May be used from any thread.
class StoreSecrets {
 public:
  // `random` outlives this object; the keys are copied.
  StoreSecrets(const mf1::Keyring& keys, Random& random) : keys_(keys), random_(random) {}

  // Seals a secret for one store and one field. It cannot be opened as the secret of another store
  // or field.
  Bytes seal(const StoreId& store, std::string_view field, ByteSpan secret) const;
  // Returns the secret. Throws Error{corrupt} when it was not sealed for this store and field, and
  // Error{denied} when the keyring lacks the key of its epoch.
  crypto::SecretBytes open(const StoreId& store, std::string_view field, ByteSpan sealed) const;

 private:
  const mf1::Keyring keys_;
  Random& random_;
};

// Returns the addresses and credentials of a store on this machine; all empty when nothing was set.
// Throws as StoreSecrets::open() does.
store::StoreSettings load_settings(registry::StoreRecords&, const StoreSecrets&, const StoreId&);
// Replaces the stored settings. nullopt leaves the bandwidth limit unchanged.
void save_settings(registry::StoreRecords&, const StoreSecrets&, const StoreId&, const store::StoreSettings&,
                   std::optional<std::string> bandwidth);

// The login session of a store, kept sealed in the registry. May be used from any thread. The
// constructor's arguments outlive it.
class RegistryVault final : public store::SessionVault {
 public:
  RegistryVault(registry::StoreRecords& registry, const StoreSecrets& secrets, const StoreId& store)
      : registry_(registry), secrets_(secrets), store_(store) {}

  // Returns the saved session; nullopt when there is none, or when it cannot be opened (a warning
  // says so, and the store logs in again).
  std::optional<crypto::SecretBytes> load() override;
  void save(ByteSpan session) override;

 private:
  registry::StoreRecords& registry_;
  const StoreSecrets& secrets_;
  const StoreId store_;
};

}  // namespace modelfloat::engine
