#pragma once
// What opens a store's account, kept in the registry so that nobody reads it who lacks the pool's
// key: docs/formats/sealed-settings.md.

#include <map>
#include <optional>
#include <string_view>

#include "modelfloat/base/random.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/registry/store_records.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::engine {

// Seals and opens. Shared by threads.
class StoreSecrets {
 public:
  // `random` outlives it; the keys are copied.
  StoreSecrets(const mf1::Keyring& keys, Random& random) : keys_(keys), random_(random) {}

  // `field` says what it is: a secret of one store and field does not open as another's.
  Bytes seal(const StoreId& store, std::string_view field, ByteSpan secret) const;
  // Error{corrupt} for what was not sealed for this place, Error{denied} for an epoch whose key is
  // not here.
  crypto::SecretBytes open(const StoreId& store, std::string_view field, ByteSpan sealed) const;

 private:
  const mf1::Keyring keys_;
  Random& random_;
};

// The addresses and credentials of a store, as they are on this machine; all empty when nothing was
// set. Throws what open() throws.
store::StoreSettings load_settings(registry::StoreRecords&, const StoreSecrets&, const StoreId&);
// Replaces them. `bandwidth` stays as it was unless it is given.
void save_settings(registry::StoreRecords&, const StoreSecrets&, const StoreId&, const store::StoreSettings&,
                   std::optional<std::string> bandwidth);

// A store's session in the registry. Shared by threads; what it is made with outlives it.
class RegistryVault final : public store::SessionVault {
 public:
  RegistryVault(registry::StoreRecords& registry, const StoreSecrets& secrets, const StoreId& store)
      : registry_(registry), secrets_(secrets), store_(store) {}

  // A session that does not open is forgotten: the store logs in again.
  std::optional<crypto::SecretBytes> load() override;
  void save(ByteSpan session) override;

 private:
  registry::StoreRecords& registry_;
  const StoreSecrets& secrets_;
  const StoreId store_;
};

}  // namespace modelfloat::engine
