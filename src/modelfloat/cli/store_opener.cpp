#include "modelfloat/cli/store_opener.h"

#include <fmt/format.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/store_factory.h"
#include "modelfloat/store/wrap/measured.h"
#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::cli {

std::unique_ptr<store::Store> wrap_store(std::unique_ptr<store::Store> store, Clock& clock, Random& random) {
  return store::make_measured(store::make_retrying(std::move(store), {}, clock, random), clock);
}

std::unique_ptr<store::Store> StoreOpener::open(const registry::StoreRow& row) {
  const auto settings = engine::load_settings(registry_, secrets_, row.id);
  try {
    return wrap_store(store::make_store(row.url, settings, {clock_, random_, vault(row.id)}), clock_, random_);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::denied || !settings.credentials.empty()) throw;
    throw Error(ErrorKind::denied, row.name,
                fmt::format("has no credentials on this machine: modelfloat store set {} --credentials-file FILE", row.name));
  }
}

engine::RegistryVault& StoreOpener::vault(const StoreId& store) {
  const std::lock_guard lock(mutex_);
  return vaults_.try_emplace(store, registry_, secrets_, store).first->second;
}

}  // namespace modelfloat::cli
